"""The words of a command line, as far as the fakes must understand them."""

from cloud import Refused

ALONE = {"--json", "--no-headers", "--pretty", "--suppress-warnings", "--all", "--force", "--no-cli-pager", "--no-defaults", "--quiet", "-q", "--async"}


def options(words):
    """`--name value` and the words beside; ALONE has those that take no value."""
    found, rest, place = {}, [], 0
    while place < len(words):
        word = words[place]
        if word in ALONE:
            found[word] = True
        elif not word.startswith("-"):
            rest.append(word)
        elif "=" in word:
            name, value = word.split("=", 1)
            found[name] = value
        else:
            place += 1
            if place == len(words):
                raise Refused(f"{word} needs a value")
            found[word] = words[place]
        place += 1
    return found, rest
