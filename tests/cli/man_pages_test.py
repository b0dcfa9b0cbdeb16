"""Every option of `TOOL --help` is in the tool's man page exactly once, and the other way round.

Usage: man_pages_test.py FOLDER_OF_TOOLS FOLDER_OF_PAGES
"""
import pathlib
import re
import subprocess
import sys


def options_of_help(tool):
    text = subprocess.run([tool, "--help"], check=True, capture_output=True, text=True).stdout
    lines = re.findall(r"^  (-\S+)", text, re.MULTILINE)
    return sorted(option for line in lines for option in line.split(","))


def options_of_page(page):
    section = re.search(r"^\.Sh OPTIONS\n(.*?)^\.Sh ", page, re.MULTILINE | re.DOTALL).group(1)
    options = []
    for item in re.findall(r"^\.It (.*)$", section, re.MULTILINE):
        options += ["--" + name for name in re.findall(r"\bFl Fl (\S+)", item)]
        options += ["-" + name for name in re.findall(r"(?<!Fl )\bFl (?!Fl )(\S+)", item)]
    return sorted(options)


def main():
    tools, pages = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    failed = False
    for path in sorted(pages.glob("*.1")):
        in_help = options_of_help(tools / path.stem)
        in_page = options_of_page(path.read_text())
        if not in_help or in_help != in_page:
            print(f"{path.name}: --help has {in_help},\nthe page has {in_page}")
            failed = True
    named = sorted(path.stem for path in pages.glob("*.1"))
    if named != ["flow-eval", "pie-decode", "pie-encode", "pie-sample", "pie-train"]:
        print("pages of other tools than there are:", named)
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
