"""Texts on which a converted model is held against the original: several languages, kinds and lengths."""

PROSE = (
    "Travel expenses are paid back within thirty days. Keep every receipt, write the name of the project on it, and "
    "hand it in with the form at the end of the month; hotels are booked by the office and need no receipt.",
    "Before the pump is opened, switch off the main valve, wait until the pressure gauge shows zero, and secure the "
    "switch against being turned on again. Seals that look worn are replaced in pairs, never one alone.",
    "The glacier lost about four metres of ice a year between 1995 and 2015, measured at stakes that were drilled into "
    "it every spring. Half of the loss fell into three summers in which hardly any snow remained in June.",
    "Mit der Kündigung endet auch der Zugang zu allen Systemen. Geräte sind spätestens am letzten Arbeitstag bei der "
    "Technik abzugeben; wer von zu Hause arbeitet, bekommt ein Paket mit Rückschein zugeschickt.",
    "Le conseil se réunit le premier mardi de chaque mois. Les comptes rendus sont publiés dans la semaine qui suit, "
    "et chaque membre peut demander qu'une question soit ajoutée à l'ordre du jour.",
    "员工每年享有十五天带薪年假，未使用的假期可以顺延至次年三月底。请假须提前五个工作日在系统中提交申请，由部门经理批准。"
    "如遇紧急情况，可先电话告知，返岗后三日内补办手续。",
    "会議室の予約は前日の午後五時までにお願いします。利用後は机と椅子を元の位置に戻し、照明と空調を消してください。備品が壊れて"
    "いる場合は総務部までご連絡ください。",
    "La librería guarda los préstamos en una sola tabla; cada fila tiene el libro, el lector y la fecha de vuelta. "
    "Los avisos se envían tres días antes y el día mismo.",
    "Производительность насоса зависит от вязкости жидкости и от температуры. При двадцати градусах он перекачивает "
    "до сорока литров в минуту.",
    "| Region | Q1 | Q2 | Q3 |\n| North | 1,204 | 1,377 | 1,150 |\n| South | 980 | 1,010 | 1,295 |\n| Total | 2,184 | "
    "2,387 | 2,445 |",
    'def retry(call, waits=(0.5, 2.0)):\n    for wait in waits:\n        try:\n            return call()\n        '
    "except TimeoutError:\n            time.sleep(wait)\n    return call()",
    "Error E-4012: the licence server at 10.2.0.17:27000 did not answer within 30 s. Check the firewall, then restart "
    "the service with `systemctl restart licenced` and read /var/log/licenced.log.",
)  # fmt: skip
QUESTIONS = (
    "Who pays for the hotel?", "How often are seals replaced?", "年假可以顺延到什么时候？", "Wann endet der Zugang?",
    "pump viscosity temperature", "E-4012", "Quand le conseil se réunit-il ?", "会議室はいつまでに予約しますか。",
)  # fmt: skip

TIMED = tuple(" ".join(PROSE[start : start + 3]) for start in range(len(PROSE) - 2))  # as long as passages are

# What the loss is measured on is not what the 8-bit numbers' ranges were found with.
CALIBRATION = (*PROSE[::2], " ".join(PROSE[::2]), *QUESTIONS[::2])
HELD_OUT = (*PROSE[1::2], " ".join(PROSE[1::2]), *QUESTIONS[1::2], "", "NAÏVE Façade, 12 %!")
