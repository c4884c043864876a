"""Looks for known vulnerabilities in what is locked; where the service cannot be reached, says only that."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
_COMMAND = [
    "tool",
    "run",
    "pip-audit",
    "--requirement",
    "requirements.txt",
    "--require-hashes",
    "--disable-pip",
]
_REPORT = ["--progress-spinner", "off", "--format", "json"]


def main() -> int:
    """Return 1 for known vulnerabilities, else 0, also if no service answers, as the last line then says."""
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    done = subprocess.run([uv, *_COMMAND, *_REPORT], cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        reason = (done.stderr.strip() or "no answer").splitlines()[-1]
        print(f"NOT AUDITED: pip-audit had no report to give. It says: {reason[:300]}")
        return 0
    packages = report["dependencies"]
    found = [line for package in packages for line in findings(package)]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    print(
        "\n".join([*found, f"Known vulnerabilities in {len(packages) - len(unknown)} packages: {len(found)}"])
    )
    if unknown:
        print(f"NOT AUDITED, for the service does not answer about them: {', '.join(unknown)}")
    return 1 if found else 0


def findings(package: dict[str, object]) -> list[str]:
    """A line for each known vulnerability of ``package``, as reported by pip-audit."""
    vulnerabilities = package.get("vulns")
    if not isinstance(vulnerabilities, list):
        return []
    return [
        f"{package['name']} {package['version']}: {each['id']}, mended in {each['fix_versions'] or 'none'}"
        for each in vulnerabilities
    ]


if __name__ == "__main__":
    sys.exit(main())
