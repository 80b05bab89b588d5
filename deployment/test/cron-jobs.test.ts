import { existsSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { Manifest } from './kubernetes-schemas.js';
import { PROCESSES, processNamed } from './processes.js';
import { cannotRender, render } from './rendered.js';
import { ROOT } from './repository.js';
import { environmentOf, find, type Container, type NetworkPolicy, type PodOwner } from './workloads.js';

interface CronJob extends Manifest {
  readonly spec: {
    readonly schedule: string;
    readonly concurrencyPolicy: string;
    readonly startingDeadlineSeconds: number;
    readonly successfulJobsHistoryLimit: number;
    readonly failedJobsHistoryLimit: number;
    readonly jobTemplate: {
      readonly spec: {
        readonly activeDeadlineSeconds: number;
        readonly backoffLimit: number;
        readonly template: {
          readonly metadata: { readonly labels: Readonly<Record<string, string>> };
          readonly spec: {
            readonly serviceAccountName: string;
            readonly restartPolicy: string;
            readonly containers: ReadonlyArray<Container & { readonly args: readonly string[] }>;
          };
        };
      };
    };
  };
}

const whereRendered = cannotRender === null ? describe : describe.skip;
const manifests = cannotRender === null ? render('deployment/test/everything') : [];
const WITH_WORK = ['auth', 'media', 'task'];
/** A folder of the pod's own, and the bucket: a process may be without, a job is not. */
const SAID_FOR_ITSELF = new Set(['TASKGRAPH_DATA_DIR', 'GCS_BUCKET']);
/** Of generated ConfigMaps: those of two overlays have different ones. */
const withoutHashes = (places: object) => JSON.parse(JSON.stringify(places).replace(/-[a-z0-9]{10}"/g, '"')) as object;

whereRendered.each(WITH_WORK)('the work of %s by the clock', (name) => {
  const { spec: job } = cannotRender === null ? find<CronJob>(manifests, 'CronJob', `${name}-work`) : ({} as CronJob);
  const pod = job?.jobTemplate.spec.template;
  const [container] = pod?.spec.containers ?? [];

  it('is done by one at a time, which ends, and of which it is known how it ended', () => {
    expect(job).toMatchObject({
      schedule: expect.stringMatching(/^\d{1,2} \* \* \* \*$/),
      concurrencyPolicy: 'Forbid',
      startingDeadlineSeconds: expect.any(Number),
      successfulJobsHistoryLimit: 1,
      failedJobsHistoryLimit: 3,
      jobTemplate: { spec: { activeDeadlineSeconds: 1_800, backoffLimit: 1 } },
    });
    expect(pod?.spec.restartPolicy).toBe('Never');
  });

  it('runs what the image of the service has for it, as that service', () => {
    expect(container?.image).toMatch(new RegExp(`/taskgraph/${name}:`));
    const entry = container?.args.at(-1) ?? '';
    expect(container?.args).toEqual(['node', '--enable-source-maps', `subgraphs/${name}/dist/work.js`]);
    expect(existsSync(path.join(ROOT, entry.replace('/dist/', '/src/').replace(/\.js$/, '.ts')))).toBe(true);
    expect(pod?.spec.serviceAccountName).toBe(name);
  });

  it('is given settings of the service alone, and no secret but those that it needs', async () => {
    const env = environmentOf(container as Container, manifests);
    expect(Object.keys(env).filter((setting) => !processNamed(name).settings.has(setting))).toEqual([]);
    const { readWorkConfig } = (await import(`../../subgraphs/${name}/src/config.ts`)) as {
      readWorkConfig: (given: Record<string, string>) => unknown;
    };
    expect(() => readWorkConfig(env)).not.toThrow();
    const secrets = Object.keys(env).filter((setting) => /SECRET|DATABASE_URL/.test(setting));
    const keys = ['AUTH_KEY_ENCRYPTION_SECRET', 'AUTH_KEY_ENCRYPTION_SECRET_PREVIOUS'];
    expect(secrets).toEqual([`${name.toUpperCase()}_DATABASE_URL`, ...(name === 'auth' ? keys : [])]);
  });

  it('is told how long to keep what, and whatever else it reads, in the same place as the service', async () => {
    const env = environmentOf(container as Container, manifests);
    const { readWorkConfig } = (await import(`../../subgraphs/${name}/src/config.ts`)) as {
      readWorkConfig: (given: Record<string, string>) => object;
    };
    const deployment = find<PodOwner>(render('k8s/overlays/gke'), 'Deployment', name).spec.template?.spec;
    const sourceOf = ({ env: variables = [] }: Container, setting: string) =>
      variables.find((variable) => variable.name === setting)?.valueFrom ?? `${setting} is not there`;
    const settings = Object.keys(readWorkConfig(env)).filter((setting) => !SAID_FOR_ITSELF.has(setting));
    const placesOf = (one: Container | undefined) =>
      Object.fromEntries(settings.map((setting) => [setting, sourceOf(one as Container, setting)]));
    expect(settings.length).toBeGreaterThan(3);
    expect(withoutHashes(placesOf(container))).toEqual(withoutHashes(placesOf(deployment?.containers[0])));
  });

  it('gets no requests of the service, and reaches its database', () => {
    const labels = pod?.metadata.labels ?? {};
    const selected = manifests.filter(({ kind }) => kind === 'Service') as Array<
      Manifest & { spec: { selector: Record<string, string> } }
    >;
    for (const { spec } of selected)
      expect(Object.entries(spec.selector).every(([label, value]) => labels[label] === value)).toBe(false);
    const { spec: policy } = find<NetworkPolicy>(manifests, 'NetworkPolicy', 'work-databases');
    expect(policy.podSelector?.matchExpressions?.[0]?.values).toContain(labels['app.kubernetes.io/name']);
  });

  it('is done by no process of the service any more', () => {
    const deployment = find<PodOwner>(manifests, 'Deployment', name).spec.template?.spec;
    const env = environmentOf(deployment?.containers[0] as Container, manifests);
    expect(env['RETENTION_INTERVAL_SECONDS']).toBe('0');
    if (name === 'auth') expect(env['KEY_ROTATION_DAYS']).toBe('0');
    if (name === 'media') {
      expect(env['SWEEP_INTERVAL_SECONDS']).toBe('0');
      expect(environmentOf(container as Container, manifests)['GCS_BUCKET']).toBe(env['GCS_BUCKET']);
    }
    expect(() => processNamed(name).readConfig(env)).not.toThrow();
  });
});

it('is there for every service that has a database', () => {
  expect(PROCESSES.map(({ name }) => name).filter((name) => name !== 'gateway')).toEqual(['auth', 'media', 'task']);
});
