"""Which labels fit which texts: by what the labels say, and by the texts that people have labelled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# What texts may be about, as far apart as possible: how near an unrelated label is to a text by chance, which differs
# from model to model and from text to text, is measured by these. In the label's language, as language alone is near.
NEUTRAL = (
    "Sports: matches, players, results of the season", "Cooking: recipes, ingredients, kitchens",
    "Law: contracts, courts, statutes, liability", "Medicine: diseases, treatments, patients",
    "Finance: income, assets, taxes of a company", "Travel: hotels, flights, journeys",
    "Music: songs, bands, concerts", "Mathematics: theorems, proofs, equations",
    "Software: programs, servers, interfaces", "Gardening: plants, soil, flowers",
    "Human resources: vacation, hiring, salaries", "Construction: buildings, architects, materials",
    "Religion: faith, churches, scripture", "Animals: species, habitats, behaviour",
    "Physics: forces, energy, particles", "Politics: elections, parliaments, governments",
    "Fashion: clothes, fabrics, design", "Transport: cars, trains, roads",
    "Education: schools, lessons, examinations", "Film: actors, directors, scenes",
    "Weather: storms, temperature, climate", "History: wars, kings, empires",
    "Chemistry: compounds, reactions, laboratories", "Agriculture: crops, harvest, cattle",
)  # fmt: skip
NEUTRAL_CJK = (
    "体育：比赛、球员、赛季成绩", "烹饪：菜谱、食材、厨房", "法律：合同、法院、法规、责任", "医学：疾病、治疗、患者",
    "财务：收入、资产、公司税务", "旅行：酒店、航班、行程", "音乐：歌曲、乐队、音乐会", "数学：定理、证明、方程",
    "软件：程序、服务器、接口", "园艺：植物、土壤、花卉", "人力资源：休假、招聘、薪资", "建筑：楼房、建筑师、材料",
    "宗教：信仰、教堂、经文", "动物：物种、栖息地、行为", "物理：力、能量、粒子", "政治：选举、议会、政府",
    "时尚：服装、面料、设计", "交通：汽车、火车、道路", "教育：学校、课程、考试", "电影：演员、导演、场景",
    "天气：风暴、温度、气候", "历史：战争、国王、帝国", "化学：化合物、反应、实验室", "农业：作物、收成、牲畜",
)  # fmt: skip
FITS = 2.2  # deviations above what is neutral
BESIDE = 0.75  # deviations below the best label of a text: what is further behind is not suggested beside it
HALF_TRUST = 1  # examples: more of them say more than the label's words, which may say little ("Project X")
EDGE = 0.6  # of the way from the other texts to the examples, a text is taken for one of them
STEEP = 1.5  # deviations from that edge to the examples' mean
REFUSED_WEIGHT = 0.25


@dataclass(frozen=True)
class Examples:
    """Rows of texts that people have given a label, and of those from which they kept it away."""

    accepted: Sequence[int] = ()
    refused: Sequence[int] = ()


def fit_of(texts: np.ndarray, labels: np.ndarray, neutral: np.ndarray, examples: Sequence[Examples]) -> np.ndarray:
    """(n, k): how well each label fits each text, in deviations above a neutral one; from FITS on it does.

    Takes (n, d) vectors of texts, (k, d) of labels and, one for each label, (k, m, d) of neutral ones. Nearest
    centroid (Rocchio 1971) with as much weight as there are examples.
    """
    by_words = np.stack([_by_words(texts, *each) for each in zip(labels, neutral, strict=True)], axis=1)
    centred = _normal(texts - texts.mean(axis=0))
    columns = [_with(by_words[:, n], centred, one) for n, one in enumerate(examples)]
    return np.stack(columns, axis=1)


def _by_words(texts: np.ndarray, label: np.ndarray, neutral: np.ndarray) -> np.ndarray:
    by_chance = texts @ neutral.T
    deviation = max(float(by_chance.std(axis=1).mean()), 1e-6)
    return (texts @ label - np.median(by_chance, axis=1)) / deviation


def _with(by_words: np.ndarray, texts: np.ndarray, examples: Examples) -> np.ndarray:
    """What the examples add: without refused ones, they only make a label fit better."""
    accepted = list(examples.accepted)
    if len(accepted) < 2:
        return by_words
    trust = len(accepted) / (len(accepted) + HALF_TRUST)
    blended = (1 - trust) * by_words + trust * _by_examples(texts, accepted, list(examples.refused))
    return blended if examples.refused else np.maximum(by_words, blended)


def _by_examples(texts: np.ndarray, accepted: list[int], refused: list[int]) -> np.ndarray:
    total = texts[accepted].sum(axis=0)
    away = REFUSED_WEIGHT * texts[refused].mean(axis=0) if refused else 0.0
    nearness = texts @ _normal((total / len(accepted) - away)[None])[0]
    others = np.delete(nearness, accepted)
    without_itself = (_normal(total[None] - texts[accepted]) * texts[accepted]).sum(axis=1).mean()
    usual = float(np.median(others)) if len(others) else 0.0
    edge = EDGE * without_itself + (1 - EDGE) * usual
    return FITS + STEEP * (nearness - edge) / max(0.05, without_itself - edge)


def suggested(fit: np.ndarray) -> np.ndarray:
    """(n, k) bool: the labels that fit, of each text the best and what is hardly behind it."""
    if not fit.size:
        return np.zeros(fit.shape, bool)
    return (fit >= FITS) & (fit >= fit.max(axis=1, keepdims=True) - BESIDE)


def _normal(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
