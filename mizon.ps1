# Mizon's front door on Windows: .\mizon.ps1 test. The same idea as ./mizon, which says more.
# There is no embedded PostgreSQL here: set MIZON_DATABASE_URL, or use ./mizon inside WSL.
$ErrorActionPreference = "Stop"
$root = $PSScriptRoot
$venv = Join-Path $root ".mizon\venv"
$python = Join-Path $venv "Scripts\python.exe"
$locks = @("requirements.txt")
if ($args.Count -and $args[0] -in "test", "check", "fix") { $locks += "requirements-dev.txt" }

function Stamp($lock) { "$root`n" + (Get-Content -Raw (Join-Path $root $lock)) }
function Installed($lock) {
    $done = Join-Path $venv $lock
    (Test-Path $python) -and (Test-Path $done) -and ((Get-Content -Raw $done) -eq (Stamp $lock))
}
function Run { & $args[0] $args[1..$args.Count]; if ($LASTEXITCODE) { throw "mizon: the packages could not be installed" } }

if ($locks | Where-Object { -not (Installed $_) }) {
    [Console]::Error.WriteLine("Preparing Python packages (first start only)...")
    if (-not (Installed "requirements.txt")) {
        if (Test-Path $venv) { Remove-Item -Recurse -Force $venv }
        if (Get-Command py -ErrorAction SilentlyContinue) { Run py -3 -m venv $venv } else { Run python -m venv $venv }
    }
    Get-ChildItem $venv -Filter "requirements*.txt" | Remove-Item
    foreach ($lock in $locks) {
        Run $python -m pip install -q --disable-pip-version-check --require-hashes -r (Join-Path $root $lock)
    }
    foreach ($lock in $locks) { Set-Content -NoNewline -Path (Join-Path $venv $lock) -Value (Stamp $lock) }
}
$env:PYTHONPATH = $root
$env:PYTHONSAFEPATH = "1"
& $python -m service @args
exit $LASTEXITCODE
