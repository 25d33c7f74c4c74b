"""The format codes that workbooks use by number and do not spell out (ECMA-376, 18.8.30)."""

from typing import Final

GENERAL: Final = "General"

_ACCOUNTING: Final = '_({unit}* #,##0{cents}_);_({unit}* (#,##0{cents});_({unit}* "-"{dash}_);_(@_)'

# What depends on the system's language is as Excel shows it in the United States.
_CODES: Final[dict[int, str]] = {
    0: GENERAL,
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: "$#,##0_);($#,##0)",
    6: "$#,##0_);[Red]($#,##0)",
    7: "$#,##0.00_);($#,##0.00)",
    8: "$#,##0.00_);[Red]($#,##0.00)",
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "m/d/yyyy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yyyy h:mm",
    37: "#,##0_);(#,##0)",
    38: "#,##0_);[Red](#,##0)",
    39: "#,##0.00_);(#,##0.00)",
    40: "#,##0.00_);[Red](#,##0.00)",
    41: _ACCOUNTING.format(unit="", cents="", dash=""),
    42: _ACCOUNTING.format(unit="$", cents="", dash=""),
    43: _ACCOUNTING.format(unit="", cents=".00", dash="??"),
    44: _ACCOUNTING.format(unit="$", cents=".00", dash="??"),
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
    # The dates and times of East Asia; in other places Excel shows them so.
    **dict.fromkeys((*range(27, 32), 36, *range(50, 55), 57, 58), "m/d/yyyy"),
    **dict.fromkeys((32, 34, 55), "h:mm"),
    **dict.fromkeys((33, 35, 56), "h:mm:ss"),
    59: "0",
    60: "0.00",
    61: "#,##0",
    62: "#,##0.00",
    67: "0%",
    68: "0.00%",
    69: "# ?/?",
    70: "# ??/??",
    71: "m/d/yyyy",
    72: "m/d/yyyy",
    73: "d-mmm-yy",
    74: "d-mmm",
    75: "mmm-yy",
    76: "h:mm",
    77: "h:mm:ss",
    78: "m/d/yyyy h:mm",
    79: "mm:ss",
    80: "[h]:mm:ss",
    81: "mm:ss.0",
}


def built_in_code(number: int) -> str:
    """Return the format code that has a number of its own; ``General`` for one that has none."""
    return _CODES.get(number, GENERAL)
