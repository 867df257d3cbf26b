#!/bin/sh
# Install speechkit and its lessons from this folder; no network is used. sh install.sh [FOLDER], PYTHON=python3.12 to choose.
set -eu
kit=$(cd "$(dirname "$0")" && pwd)
target=${1:-$HOME/speechkit-course}
python=${PYTHON:-python3}

kind=$("$python" -c 'import platform as p, sys; print(p.system(), p.machine(), "Python %d.%d" % sys.version_info[:2])')
if [ "$kind" != "$(cat "$kit/kind")" ]; then
    echo "This folder is for $(cat "$kit/kind"); here is $kind. Set PYTHON, or run make classroom on a machine like this." >&2
    exit 1
fi
if [ -e "$target/notebooks" ]; then
    echo "$target has lessons already, perhaps with somebody's work. Give another folder." >&2
    exit 1
fi

echo "== an environment in $target/.venv"
mkdir -p "$target"
target=$(cd "$target" && pwd)
"$python" -m venv "$target/.venv"
"$target/.venv/bin/python" -m pip install -q --disable-pip-version-check --no-index --no-deps "$kit"/wheels/*.whl

echo "== the models in ${SPEECHKIT_HOME:-$HOME/.speechkit}/models"
mkdir -p "${SPEECHKIT_HOME:-$HOME/.speechkit}/models"
cp -R "$kit"/models/. "${SPEECHKIT_HOME:-$HOME/.speechkit}/models"

echo "== the lessons"
cp -R "$kit"/course/. "$target"
cat > "$target/environment" <<END
# . ./environment: the speechkit and jupyter commands of this folder, and where the demo data lies
PATH="$target/.venv/bin:\$PATH"
SPEECHKIT_DATA="$target/data"
export PATH SPEECHKIT_DATA
END
cat > "$target/lab" <<END
#!/bin/sh
cd "$target" && . ./environment && exec jupyter lab notebooks/00_start_here.ipynb "\$@"
END
chmod +x "$target/lab"
echo "Installed. JupyterLab at the first lesson: $target/lab"
