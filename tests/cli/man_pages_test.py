"""Every option of `TOOL --help` is in the tool's man page exactly once, and the other way round;
shells complete exactly these; and help fits 80 columns.

Usage: man_pages_test.py FOLDER_OF_TOOLS FOLDER_OF_PAGES
"""
import pathlib
import re
import shutil
import subprocess
import sys


def options_of_help(tool):
    text = subprocess.run([tool, "--help"], check=True, capture_output=True, text=True).stdout
    wide = [line for line in text.splitlines() if len(line) > 80]
    if wide:
        raise SystemExit(f"{tool} --help is too wide: {wide}")
    heads = re.findall(r"^  (-.*?)(?:$|  | [A-Z])", text, re.MULTILINE)
    return sorted(option for head in heads for option in head.split(", "))


def completion(tool, shell):
    return subprocess.run([tool, "--completion", shell], check=True, capture_output=True,
                          text=True).stdout


def options_of_completion(tool, shell):
    script = completion(tool, shell)
    if shell == "bash":
        names = re.findall(r"compgen -W '(-[^']*)'", script)[-1].split()
    elif shell == "zsh":
        names = [name for line in re.findall(r"^  '.*\[", script, re.MULTILINE)
                 for name in re.findall(r"(?<=[{,)*])-[-\w]+(?=[,}'\[])", line)]
    else:
        names = ["-" + name for name in re.findall(r" -s (\S)", script)]
        names += ["--" + name for name in re.findall(r" -l (\S+)", script)]
    return sorted(names)


def completed(tool, *words):
    """What bash offers behind `words`, the last of which may be unfinished."""
    script = completion(tool, "bash")
    line = " ".join(f"'{word}'" for word in words)
    script += f"""
        compopt() {{ echo "compopt $*"; }}
        COMP_WORDS=({tool.name} {line}) COMP_CWORD={len(words)}
        _{tool.name}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    out = subprocess.run(["bash", "-c", script], check=True, capture_output=True, text=True).stdout
    return out.split("\n")[:-1]


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
        for shell in ["bash", "zsh", "fish"]:
            if options_of_completion(tools / path.stem, shell) != in_help:
                print(f"{path.stem} --completion {shell} has",
                      options_of_completion(tools / path.stem, shell), "and --help", in_help)
                failed = True
            if shutil.which(shell):
                subprocess.run([shell, "-n"], input=completion(tools / path.stem, shell), text=True,
                               check=True)
    encode = tools / "pie-encode"
    for words, offered in [(["--cod"], ["--coder"]), (["--coder", ""], ["auto", "model", "floor"]),
                           (["x.pn"], ["compopt -o default", ""]), (["--layers", ""], [""]),
                           (["-O", ""], ["compopt -o dirnames", ""])]:
        if completed(encode, *words) != offered:
            print(words, "is completed by", completed(encode, *words), "instead of", offered)
            failed = True
    named = sorted(path.stem for path in pages.glob("*.1"))
    if named != ["flow-eval", "pie-decode", "pie-encode", "pie-sample", "pie-train"]:
        print("pages of other tools than there are:", named)
        failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
