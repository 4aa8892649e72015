"""What the site has beside its pages: experiments with the figure of a run, a gallery of them, notebooks of the tutorials, an API page a package.

In a page, a line `{experiment: NAME}` stands for the experiment of that name: what its file says of it, and the figure that `docs/gallery.py`
took from a run; `{gallery}` for the figures of all pages.
"""

import ast
import html
import json
import re
from pathlib import Path

import jupytext
from latex2mathml.converter import convert
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "gallery"
EXPERIMENT = re.compile(r"^\{experiment: (\w+)\}$", re.M)

API = {
    "unsup_jax.fitted": "fit, load", "unsup_jax.core": "core", "unsup_jax.operators": "operators", "unsup_jax.noise": "noise",
    "unsup_jax.priors": "priors", "unsup_jax.losses": "losses", "unsup_jax.networks": "networks", "unsup_jax.methods": "methods",
    "unsup_jax.methods.score": "methods.score", "unsup_jax.modalities": "modalities", "unsup_jax.data": "data", "unsup_jax.train": "train",
    "unsup_jax.evaluate": "evaluate", "unsup_jax.trust": "trust", "unsup_jax.files": "files", "unsup_jax.experiment": "experiment",
}
"""Packages of the reference, by the name that the menu gives them."""


def on_config(config):
    """The menu of the reference is that of the packages."""
    config.nav[-1]["API"] = [{title: f"api/{name}.md"} for name, title in API.items()]
    return config


def on_files(files, config):
    """Pages of the reference, and notebooks, which nobody writes."""
    for name, title in API.items():
        files.append(File.generated(config, f"api/{name}.md", content=f"# {name}\n\n::: {name}\n"))
    for tutorial in sorted((ROOT / "docs" / "tutorials").glob("*.md")):
        notebook = jupytext.writes(jupytext.reads(tutorial.read_text(), "md"), "ipynb")
        files.append(File.generated(config, f"tutorials/{tutorial.stem}.ipynb", content=notebook))
    return files


def on_page_markdown(markdown, page, config, files):
    """A page with its directives replaced; a tutorial with its notebook."""
    where = "../" * page.file.src_uri.count("/")
    markdown = EXPERIMENT.sub(lambda found: experiment(found[1], where), markdown)
    markdown = re.sub(r"^\{gallery\}$", lambda found: gallery(config), markdown, flags=re.M)
    if page.file.src_uri.startswith("tutorials/"):
        title, rest = markdown.split("\n", 1)
        markdown = f"{title}\n\n[As a notebook]({Path(page.file.src_uri).stem}.ipynb){{ .md-button download }}\n{rest}"
    return markdown


def on_page_content(content, page, config, files):
    """Equations as MathML, which browsers draw without a script."""
    content = re.sub(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', _block, content, flags=re.S)
    return re.sub(r'<span class="arithmatex">\\\((.*?)\\\)</span>', lambda found: convert(html.unescape(found[1]).strip()), content, flags=re.S)


def _block(found):
    return f'<div class="equation">{convert(html.unescape(found[1]).strip(), display="block")}</div>'


def experiment(name, where):
    """What an experiment's file says, with the figure of a run where there is one."""
    docstring = ast.get_docstring(ast.parse((ROOT / "experiments" / f"{name}.py").read_text()))
    title, rest = re.match(r"(.*?)\n\n(.*)", docstring, re.S).groups()
    command, _, measured = rest.partition("\n\n")
    command = command.replace("python -m experiments", "unsup-jax")
    lines = [f"**{name}**: {' '.join(title.split())}", "", "```sh", *command.splitlines(), "```", ""]
    if (FIGURES / f"{name}.webp").exists():
        lines += [f"[![{caption(title)}]({where}gallery/{name}.webp){{ loading=lazy }}]({where}gallery/{name}.webp)", "", f"<small>{made(name)}</small>", ""]
    if measured:
        lines += ['??? note "What was measured"', "", "    ```text", *(f"    {line}" for line in measured.splitlines()), "    ```", ""]
    return "\n".join(lines)


def made(name):
    """The run that a figure is of, in words."""
    of = json.loads((FIGURES / "runs.json").read_text())[name]
    return f"Made by `{of['command']}`, {of['date']}, version {of['version']}."


def gallery(config):
    """The figures of all pages, page by page in the order of the menu."""
    pages = next(entry["Methods"] for entry in config.nav if "Methods" in entry)
    parts = []
    for entry in pages:
        (title, page), = entry.items()
        names = [name for name in EXPERIMENT.findall((ROOT / "docs" / page).read_text()) if (FIGURES / f"{name}.webp").exists()]
        if names:
            parts += [f"## [{title}]({page})", "", '<div class="grid-figures" markdown>', ""]
            for name in names:
                parts += [f"<figure markdown>[![{name}](gallery/{name}.webp){{ loading=lazy }}](gallery/{name}.webp)<figcaption>{name}</figcaption></figure>", ""]
            parts += ["</div>", ""]
    return "\n".join(parts)


def caption(text):
    """Text within the brackets of a picture."""
    return " ".join(text.split()).replace("[", "(").replace("]", ")")
