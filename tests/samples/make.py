"""Make the sample files anew, and with --expected what the parser makes of them: look at the difference."""

import json
import os
import sys
import tempfile
import zipfile
from email.message import EmailMessage
from pathlib import Path

HERE = Path(__file__).parent
ENGLISH = (
    "The harbour of Norvale was opened in 1887. It has two basins and a lighthouse, and about forty fishing boats "
    "call it their home. In winter the northern basin is closed to small craft because of the ice."
)
RULES = (
    "Every boat pays twelve crowns a week. The harbour master keeps the book of moorings, and whoever leaves for more "
    "than a month gives notice. Ropes that lie across the quay are removed without warning."
)
CHINESE = "诺维尔港于1887年启用。港口有两个港池和一座灯塔，大约四十艘渔船以此为家。冬天北港池因结冰而对小船关闭。"
CHINESE_RULES = "每艘船每周缴纳十二克朗。港务长负责保管泊位登记簿，离开一个月以上者须事先通知。"
JAPANESE = "ノルヴェール港は1887年に開港しました。港には二つの船だまりと灯台があり、約四十隻の漁船が停泊しています。"
BOATS = [("Boat", "Owner", "Length"), ("Heron", "Ines Aldave", "9.4"), ("Tern", "Marta Oyelaran", "11.2")]


def pdf_report(path: Path) -> None:
    """Two pages with outline, running header, page number, headings, a word parted at a line's end."""
    from reportlab.lib.pagesizes import A5
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=A5, invariant=1)
    canvas.setTitle("Handbook of the harbour")
    for number, (heading, lines) in enumerate(
        (
            ("1 History", ["The harbour of Norvale was opened in 1887. It has two", "basins and a light-",
                           "house, and about forty fishing boats call it their home."]),
            ("2 Rules", ["Every boat pays twelve crowns a week. The harbour", "master keeps the book of moorings."]),
            ("3 Boats", ["The longest boat is the Tern. She was built in Bergen."]),
            ("4 Ice", ["In winter the northern basin is closed to small craft."]),
        ), 1
    ):  # fmt: skip
        canvas.setFont("Helvetica", 8)
        canvas.drawString(40, 570, "Norvale Harbour Authority")
        canvas.drawString(200, 20, str(number))
        canvas.setFont("Helvetica-Bold", 16)
        canvas.bookmarkPage(heading)
        canvas.addOutlineEntry(heading, heading, 0)
        canvas.drawString(40, 520, heading)
        canvas.setFont("Helvetica", 11)
        for row, line in enumerate(lines):
            canvas.drawString(40, 490 - 14 * row, line)
        canvas.showPage()
    canvas.save()


def pdf_chinese(path: Path) -> None:
    """Chinese in a font that is not in the file, two paragraphs under a heading each."""
    from reportlab.lib.pagesizes import A5
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    canvas = Canvas(str(path), pagesize=A5, invariant=1)
    y = 540
    for heading, text in (("第一章 历史", CHINESE), ("第二章 规则", CHINESE_RULES)):
        canvas.setFont("STSong-Light", 16)
        canvas.drawString(40, y, heading)
        canvas.setFont("STSong-Light", 11)
        y -= 28
        for start in range(0, len(text), 28):
            canvas.drawString(40, y, text[start : start + 28])
            y -= 16
        y -= 20
    canvas.save()


def pdf_columns(path: Path) -> None:
    """Two columns that the file draws line by line across both: the order must be mended."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), pagesize=A4, invariant=1)
    canvas.setFont("Helvetica", 10)
    left = [
        f"left column line {n} of the text that goes down" for n in "one two three four five six seven eight".split()
    ]
    right = [line.replace("left", "right") for line in left]
    for row, pair in enumerate(zip(left, right, strict=True)):
        canvas.drawString(50, 760 - 28 * row, pair[0])
        canvas.drawString(310, 746 - 28 * row, pair[1])
    canvas.save()


def pdf_protected(path: Path) -> None:
    from reportlab.pdfgen.canvas import Canvas

    canvas = Canvas(str(path), encrypt="sesame", invariant=1)
    canvas.drawString(40, 700, "A secret.")
    canvas.save()


def pdf_scan(path: Path) -> None:
    """A page that is a picture of text."""
    from PIL import Image
    from reportlab.lib.utils import ImageReader
    from reportlab.pdfgen.canvas import Canvas

    with tempfile.TemporaryDirectory() as folder:
        picture(Path(folder) / "scan.png")
        canvas = Canvas(str(path), pagesize=(450, 150), invariant=1)
        canvas.drawImage(ImageReader(Image.open(Path(folder) / "scan.png")), 0, 0, 450, 150)
        canvas.save()


def picture(path: Path) -> None:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.new("L", (900, 300), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(34)
    draw.text((40, 60), "The lighthouse keeper is Ines Aldave.", fill=0, font=font)
    draw.text((40, 130), "She lives on the northern quay.", fill=0, font=font)
    image.save(path)


def docx_handbook(path: Path) -> None:
    from docx import Document

    document = Document()
    document.core_properties.title = "Harbour handbook"
    document.add_heading("History", 1)
    document.add_paragraph(ENGLISH)
    document.add_heading("规则", 2)
    document.add_paragraph(CHINESE_RULES)
    document.add_paragraph("Keep the quay clear.", style="List Bullet")
    document.add_paragraph("Pay on Mondays.", style="List Bullet")
    document.add_heading("Boats", 1)
    table = document.add_table(rows=3, cols=3)
    for row, cells in zip(table.rows, BOATS, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.save(str(path))


def docx_hidden_corners(path: Path) -> None:
    """A text box, an insertion that is tracked, a deletion, a content control, hidden text, a template's type."""
    plain = path.with_suffix(".plain")
    docx_handbook(plain)
    w = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
    run = "<w:r><w:t>{}</w:t></w:r>"
    body = (
        f"<w:p>{run.format('Before the box.')}<w:r><w:pict><w:txbxContent><w:p>{run.format('In the box.')}</w:p>"
        f"</w:txbxContent></w:pict></w:r></w:p><w:p><w:ins w:id='1' w:author='a'>{run.format('Inserted.')}</w:ins>"
        f"<w:del w:id='2' w:author='a'><w:r><w:delText>Deleted.</w:delText></w:r></w:del></w:p>"
        f"<w:sdt><w:sdtPr/><w:sdtContent><w:p>{run.format('In a control.')}</w:p></w:sdtContent></w:sdt>"
        f"<w:p><w:r><w:rPr><w:vanish/></w:rPr><w:t>Hidden.</w:t></w:r>{run.format('Shown.')}</w:p>"
    )
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name in source.namelist():
            data = source.read(name)
            if name == "word/document.xml":
                data = f'<?xml version="1.0"?><w:document {w}><w:body>{body}<w:sectPr/></w:body></w:document>'.encode()
            if name == "[Content_Types].xml":
                data = data.replace(b"wordprocessingml.document.main", b"wordprocessingml.template.main")
            out.writestr(name, data)
    plain.unlink()


def pptx_slides(path: Path) -> None:
    from pptx import Presentation
    from pptx.util import Inches

    show = Presentation()
    for title, text in (("History", ENGLISH), ("历史", CHINESE)):
        slide = show.slides.add_slide(show.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = text
    slide = show.slides.add_slide(show.slide_layouts[5])
    slide.shapes.title.text = "Boats"
    table = slide.shapes.add_table(3, 3, Inches(1), Inches(2), Inches(6), Inches(1)).table
    for row, cells in enumerate(BOATS):
        for column, text in enumerate(cells):
            table.cell(row, column).text = text
    slide.notes_slide.notes_text_frame.text = "Say that the Tern is the longest."
    show.save(str(path))


def xlsx_figures(path: Path) -> None:
    import datetime

    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    sheet.title = "Boats"
    for row in BOATS:
        sheet.append(row)
    fees = book.create_sheet("费用")
    fees.append(["月份", "收入", "已付"])
    fees.append([datetime.date(2025, 1, 1), 1250.5, True])
    fees.append([datetime.date(2025, 2, 1), 980, False])
    secret = book.create_sheet("Hidden")
    secret.append(["nobody", "sees"])
    secret.sheet_state = "hidden"
    book.save(path)


MARKDOWN = f"""---
title: Notes on the harbour
---

# History

{ENGLISH}

## Rules

- Keep the quay clear.
- Pay on Mondays.

| Boat | Owner |
|---|---|
| Heron | Ines Aldave |
| Tern | Marta Oyelaran |

```python
def fee(weeks):
    return 12 * weeks
```
"""
HTML = f"""<!doctype html><html><head><title>The harbour of Norvale</title><style>p {{color: red}}</style></head><body>
<nav><a href="/">Home</a></nav><main><h1>History</h1><p>{ENGLISH}</p><h2>规则</h2><p>{CHINESE_RULES}</p>
<p style="display: none">Not to be seen.</p><table><tr><th>Boat</th><th>Owner</th></tr><tr><td>Heron</td>
<td>Ines Aldave</td></tr><tr><td>Tern</td><td>Marta Oyelaran</td></tr></table></main>
<script>alert(1)</script><footer>Imprint</footer></body></html>"""
RST = (
    f"History\n=======\n\n{ENGLISH}\n\nRules\n-----\n\n* Keep the quay clear.\n* Pay on Mondays.\n\n"
    ".. include:: /etc/hostname\n"
)
TEXT = f"第一章 历史\n\n{CHINESE}\n\n第二章 规则\n\n{CHINESE_RULES}\n"
CODE = '"""Fees."""\n\n\ndef fee(weeks):\n    """Twelve crowns a week."""\n    return 12 * weeks\n'
RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}{\f1\fcharset134 SimSun;}}{\info{\title Letter to the harbour}}"
    r"\pard\outlinelevel0 History\par\pard The harbour was opened in 1887. Caf\'e9 \u28207?\u21475?1887\par"
    r"{\f1 \'b8\'db\'bf\'da}\par{\v Hidden.}"
    r"\trowd\intbl Boat\cell Owner\cell\row\trowd\intbl Heron\cell Ines Aldave\cell\row\pard The end.\par}"
)
FEED = (
    '<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]><rss><channel><title>Harbour news'
    "</title><item><title>Ice</title><description>&lt;p&gt;The northern basin is closed.&lt;/p&gt;</description>"
    "<note>&x;</note></item></channel></rss>"
)
NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Fees\n", "\n", "Twelve crowns a week."]},
        {
            "cell_type": "code",
            "execution_count": 1,
            "metadata": {},
            "source": "print(12 * 4)",
            "outputs": [{"name": "stdout", "output_type": "stream", "text": ["48\n"]}],
        },
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 4,
}


def mail(path: Path) -> None:
    message = EmailMessage()
    message["From"] = "Ines Aldave <ines@harbour.example>"
    message["To"] = "marta@harbour.example"
    message["Subject"] = "泊位 for the Tern"
    message["Date"] = "Mon, 03 Mar 2025 09:30:00 +0000"
    message.set_content(f"Dear Marta,\n\n{RULES}\n\nInes\n")
    message.add_attachment(b"boat,owner\nTern,Marta\n", maintype="text", subtype="csv", filename="泊位.csv")
    path.write_bytes(bytes(message))


def archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, text in (("rules/rules.txt", RULES), ("历史.txt", CHINESE), ("__MACOSX/._rules.txt", "x"),
                           ("../outside.txt", "x"), ("program.exe", "MZ\0\0\1\2\3\4\5\6")):  # fmt: skip
            out.writestr(zipfile.ZipInfo(name), text)


def converted(path: Path) -> None:
    import pypandoc

    pypandoc.convert_text(MARKDOWN, path.suffix[1:], format="md", outputfile=str(path))


SAMPLES = {
    "report.pdf": pdf_report, "chinese.pdf": pdf_chinese, "columns.pdf": pdf_columns, "handbook.docx": docx_handbook,
    "corners.dotx": docx_hidden_corners, "slides.pptx": pptx_slides, "figures.xlsx": xlsx_figures, "mail.eml": mail,
    "archive.zip": archive, "book.epub": converted, "text.odt": converted,
    "notes.md": lambda path: path.write_text(MARKDOWN, encoding="utf-8"),
    "page.html": lambda path: path.write_text(HTML, encoding="utf-8"),
    "guide.rst": lambda path: path.write_text(RST, encoding="utf-8"),
    "letter.rtf": lambda path: path.write_bytes(RTF.encode("ascii")),
    "gb18030.txt": lambda path: path.write_bytes(TEXT.encode("gb18030")),
    "shift_jis.txt": lambda path: path.write_bytes(f"{JAPANESE}\n".encode("cp932")),
    "utf16.txt": lambda path: path.write_bytes(ENGLISH.encode("utf-16")),
    "boats.csv": lambda path: path.write_bytes("船名;船主\n苍鹭;伊内斯\n燕鸥;玛尔塔\n".encode("gb18030")),
    "boats.json": lambda path: path.write_text(json.dumps([{"船": "苍鹭", "length": 9.4}, {"船": "燕鸥"}]), "utf-8"),
    "feed.xml": lambda path: path.write_text(FEED, encoding="utf-8"),
    "fees.ipynb": lambda path: path.write_text(json.dumps(NOTEBOOK), encoding="utf-8"),
    "fees.py": lambda path: path.write_text(CODE, encoding="utf-8"),
}  # fmt: skip
WITHOUT_EXPECTED = {"protected.pdf": pdf_protected, "scan.pdf": pdf_scan, "scan.png": picture}


def expected_of(path: Path) -> dict:
    """What the parser makes of a sample, as it is kept beside it: stored without a name, as originals are."""
    from ingestion.parse import parse

    with tempfile.TemporaryDirectory() as place:
        original, workspace = Path(place) / "0123456789abcdef", Path(place) / "workspace"
        original.write_bytes(path.read_bytes())
        workspace.mkdir()
        parsed = parse(original, path.name, workspace)
        return {
            "title": parsed.title, "media_type": parsed.media_type, "language": parsed.language, "pages": parsed.pages,
            "sections": [[s.kind, s.depth, s.page, list(s.heading_path), s.text] for s in parsed.sections],
            "tables": [[list(row) for row in s.table] for s in parsed.sections if s.table],
            "attachments": [[a.folder, a.name] for a in parsed.attachments], "notes": list(parsed.notes),
        }  # fmt: skip


def main() -> None:
    if "--expected" not in sys.argv:
        for name, make in {**SAMPLES, **WITHOUT_EXPECTED}.items():
            make(HERE / name)
        return
    sys.path.insert(0, str(HERE.parent.parent))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")
    import django

    django.setup()
    for name in SAMPLES:
        text = json.dumps(expected_of(HERE / name), ensure_ascii=False, indent=1)
        (HERE / f"{name}.expected.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
