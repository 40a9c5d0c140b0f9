"""Recognises commands that only development wants, and what may stand instead of them. Pure."""

import re

_DEVELOPS = (
    (r"\bmanage\.py runserver\b", "Django's development server"),
    (r"\bflask\b.*\brun\b", "Flask's development server"),
    (r"--reload\b|\bnodemon\b|\bwatchmedo\b|\bts-node-dev\b|(^|\s)air(\s|$)|--watch\b", "reloads when a file changes"),
    (r"\b(npm|yarn|pnpm|bun)\b (run )?(dev|develop|watch|serve)\b", "a development server"),
    (r"\b(npm|yarn|pnpm) (run )?start\b", "a development server"),
    (r"(^|\s)(npx )?(vite|next dev|nuxt dev|ng serve|webpack serve|react-scripts start)\b", "a development server"),
    (r"\bphp artisan serve\b|\bphp -S\b", "PHP's development server"),
    (r"\bgo run\b", "compiles at each start"),
    (r"^(sleep infinity|tail -f /dev/null|sh|bash)$", "runs nothing"),
)
_MIGRATES = re.compile(r"(manage\.py|artisan|db:|alembic|prisma|rails)\S*\s*\S*\s*(migrate|upgrade|deploy)\b")


def development(command: str, start: str = "") -> str:
    """What makes a command one for development; empty if nothing does. `start`: what `npm start` runs, if known."""
    command = re.sub(r"\b(npm|yarn|pnpm) (run )?start\b", start, command) if start else command
    return next((why for form, why in _DEVELOPS if re.search(form, command)), "")


def migrates(command: str) -> bool:
    """Whether a command also applies migrations."""
    return bool(_MIGRATES.search(command)) and ("&&" in command or ";" in command)


def server(requirements: str, module: str, port: int) -> tuple[str, ...]:
    """The command of gunicorn for a Django project whose requirements have it; nothing otherwise."""
    if module and re.search(r"^\W*gunicorn\b", requirements, re.MULTILINE):
        return ("gunicorn", f"{module}.wsgi:application", "--bind", f"0.0.0.0:{port}")
    return ()
