"""The example in the README runs as it stands."""

import re
from pathlib import Path

README = Path(__file__).parents[2] / "ring" / "README.md"


async def test_the_readmes_example_runs(three_nodes, capsys):
    """It reads, writes, and reads what was written."""
    example = re.search(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    assert example is not None
    assert len(example[1].strip().splitlines()) <= 18
    scope: dict[str, object] = {}
    exec(example[1], scope)  # our own page
    main = scope["main"]
    await main(",".join(f"{name}={node.address}" for name, node in three_nodes.items()))  # type: ignore[operator]  # from exec
    assert capsys.readouterr().out.splitlines()[-1] == "b'v2'"
