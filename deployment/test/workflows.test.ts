import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { readDockerfile } from '../images/dockerfile.mjs';
import { PROCESSES } from './processes.js';
import { readText, ROOT } from './repository.js';

interface Job {
  readonly 'timeout-minutes'?: number;
  readonly uses?: string;
  readonly strategy?: { readonly matrix: Readonly<Record<string, readonly string[]>> };
  readonly needs?: string | readonly string[];
  readonly steps?: ReadonlyArray<{
    readonly id?: string;
    readonly name?: string;
    readonly if?: string;
    readonly uses?: string;
    readonly run?: string;
    readonly with?: Readonly<Record<string, unknown>>;
  }>;
}

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const FOLDER = '.github/workflows';
const workflows = readdirSync(path.join(ROOT, FOLDER)).map(
  (file) => [file, parse(readText(`${FOLDER}/${file}`)) as Workflow] as const,
);
const named = (file: string) => workflows.find(([name]) => name === file)?.[1] as Workflow;
const runsOf = (workflow: Workflow) =>
  Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps.flatMap(({ run }) => run ?? []));

describe.each(workflows)('%s', (_file, workflow) => {
  it('may write nothing unless a job says so', () => {
    const { 'id-token': _identity, ...permissions } = workflow.permissions ?? {};
    expect(permissions).toEqual({ contents: 'read' });
  });

  it('ends by itself', () => {
    const endless = Object.entries(workflow.jobs).filter(
      ([, job]) => !job.uses && job['timeout-minutes'] === undefined,
    );
    expect(endless.map(([name]) => name)).toEqual([]);
  });

  it('takes actions by a version', () => {
    const actions = Object.values(workflow.jobs).flatMap(({ steps = [] }) => steps.flatMap(({ uses }) => uses ?? []));
    expect(actions.filter((action) => !/@v?\d+/.test(action))).toEqual([]);
  });

  it('stands in docs/deployment.md', () => {
    expect(readText('docs/deployment.md')).toContain(`| \`${_file}\` |`);
  });
});

describe('images in workflows', () => {
  const targets = ['migrate', ...PROCESSES.map(({ name }) => name)].sort();

  it('are all targets of the Dockerfile that are no stage of another', () => {
    const stages = readDockerfile(path.join(ROOT, 'Dockerfile')).map(({ name }) => name);
    expect(stages).toEqual(expect.arrayContaining(targets));
    expect([...(named('images.yml').jobs['image']?.strategy?.matrix['target'] ?? [])].sort()).toEqual(targets);
  });

  it('are all named when a release is deployed, and every process is waited for', () => {
    const loops = runsOf(named('deploy.yml')).flatMap((run) =>
      [...run.matchAll(/for \w+ in ([\w ]+); do/g)].map(([, names = '']) => names.split(' ').sort()),
    );
    const processes = PROCESSES.map(({ name }) => name).sort();
    expect(loops).toEqual([targets, processes, processes]);
  });
});

describe('a deployment', () => {
  const steps = named('deploy.yml').jobs['deploy']?.steps ?? [];
  const [rollout, back] = ['Roll out', 'Go back'].map((name) => steps.find((step) => step.name === name));

  it('replaces one process after the other, and gateways when what they ask is there', () => {
    expect(rollout?.run).toMatch(/notin \(auth, task, media, gateway\)'\n *for name in auth task media gateway; do\n/);
    expect(rollout?.run).toMatch(
      /apply -k "\$OVERLAY" -l "app.kubernetes.io\/name=\$name"\n.*rollout status deployment "\$name"/,
    );
    // Whatever has no name of a process goes first: all of the others, once.
    expect(rollout?.run?.match(/kubectl apply/g)).toHaveLength(2);
  });

  it('brings images by the digest that the release has, so that a tag that moves changes nothing', () => {
    const bring = steps.find(({ name }) => name === 'Bring the images of the release')?.run ?? '';
    expect(bring).toContain('imagetools create --tag "$REGISTRY/$target:$VERSION" "$RELEASES/$target@$digest"');
    expect(bring).toContain('kustomize edit set image "taskgraph-$target=$REGISTRY/$target@$digest"');
  });

  it('goes back only when the rollout has failed, and to what ran before it', () => {
    expect(back?.if).toBe(`failure() && steps.${rollout?.id}.outcome == 'failure'`);
    expect(back?.run).toContain('--to-revision="$revision"');
  });
});

describe('an image', () => {
  const steps = named('images.yml').jobs['image']?.steps ?? [];
  const at = (action: string) => steps.findIndex(({ uses }) => uses?.startsWith(`${action}@`));

  it('is looked through for known vulnerabilities before it is pushed, and not pushed with them', () => {
    expect(steps[at('aquasecurity/trivy-action')]?.with).toMatchObject({
      'exit-code': '1',
      severity: 'HIGH,CRITICAL',
      // The action tells SARIF of all severities otherwise, and fails for them.
      format: 'sarif',
      'limit-severities-for-sarif': true,
    });
    const push = steps.findIndex(({ with: parameters }) => parameters?.['push'] === true);
    expect(at('aquasecurity/trivy-action')).toBeLessThan(push);
  });

  it('comes with a list of what it is made of, and where it was built', () => {
    expect(steps[at('anchore/sbom-action')]?.with).toMatchObject({ format: 'cyclonedx-json' });
    expect(at('actions/attest-build-provenance')).toBeGreaterThan(0);
  });
});

describe('a release', () => {
  it('is published when its images are there, with what has changed and what all is made of', () => {
    const release = named('release.yml').jobs['release'];
    expect(release?.needs).toEqual(expect.arrayContaining(['images']));
    const runs = runsOf(named('release.yml')).join('\n');
    expect(runs).toContain('node scripts/changelog.mjs "$GITHUB_REF_NAME" > notes.md');
    expect(runs).toContain('node scripts/sbom.mjs');
    expect(runs).toMatch(/gh release create .* --notes-file notes\.md sbom\/\*/);
  });

  it('tells what has changed since the last one, by what it is to whoever reads it', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'taskgraph-changelog-'));
    const git = (...parameters: string[]) =>
      execFileSync('git', ['-c', 'user.name=Ada', '-c', 'user.email=ada@example.com', ...parameters], {
        cwd: folder,
        encoding: 'utf8',
      });
    const commit = (file: string, message: string) => {
      mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
      writeFileSync(path.join(folder, file), message);
      git('add', '.');
      git('commit', '-q', '-m', message);
    };
    const changelog = (tag: string) =>
      execFileSync(process.execPath, [path.join(ROOT, 'scripts/changelog.mjs'), tag], {
        cwd: folder,
        encoding: 'utf8',
      }).replaceAll(/\([0-9a-f]{7,}\)/g, '(hash)');
    try {
      git('init', '-q', '-b', 'main');
      commit('README.md', 'Begin');
      git('tag', 'v1.0.0');
      expect(changelog('v1.0.0')).toBe('The first release.\n\n## Everything else\n\n- Begin (hash)\n');
      commit('gateway/src/main.ts', 'Answer sooner');
      commit('prisma/task/migrations/2/up.sql', 'Add an index');
      git('tag', 'v1.1.0');
      expect(changelog('v1.1.0')).toBe(
        'What has changed since v1.0.0.\n\n## Databases: migrate before the rollout\n\n- Add an index (hash)\n\n' +
          '## Gateway\n\n- Answer sooner (hash)\n',
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('check.yml', () => {
  it('annotates what a change does to clients', () => {
    expect(named('check.yml').jobs['check']?.steps?.[0]?.with).toEqual({ 'fetch-depth': 0 });
    expect(readText('scripts/check.mjs')).toContain("process.env.GITHUB_ACTIONS ? ['--format', 'github']");
  });

  it('runs what CI runs everywhere', () => {
    expect(runsOf(named('check.yml'))).toContain('bash .ci/run');
  });
});
