import { describe, expect, it } from '@jest/globals';
import { readMediaConfig } from '@taskgraph/media';
import path from 'node:path';
import { readDockerfile } from '../images/dockerfile.mjs';
import { unknownMembers, violation, type Manifest } from './kubernetes-schemas.js';
import { operationsPortOf, PROCESSES, type ProcessFacts, isOfOperators } from './processes.js';
import { cannotRender, render } from './rendered.js';
import { readText, ROOT } from './repository.js';
import {
  containersOf,
  environmentOf,
  find,
  podsOf,
  type Container,
  type NetworkPolicy,
  type PodOwner,
} from './workloads.js';

const OVERLAYS = ['dev', 'gke'];
/** Every component that is not a part of an overlay, on top of the one that it is for. */
const EVERYTHING = 'deployment/test/everything';
const FOLDERS = [...OVERLAYS.map((name) => `k8s/overlays/${name}`), EVERYTHING];

if (cannotRender !== null) console.warn(`Kubernetes: ${cannotRender}`);
const whereRendered = cannotRender === null ? describe : describe.skip;
const rendered = new Map<string, Manifest[]>(
  cannotRender === null ? FOLDERS.map((folder) => [folder, render(folder)]) : FOLDERS.map((folder) => [folder, []]),
);
const version = (JSON.parse(readText('package.json')) as { version: string }).version;
const stages = new Set(readDockerfile(path.join(ROOT, 'Dockerfile')).map(({ name }) => name));

whereRendered.each(FOLDERS)('%s', (folder) => {
  const manifests = rendered.get(folder) as Manifest[];
  const pods = podsOf(manifests);
  const containers = pods.flatMap(containersOf);

  it('is what the schemas of Kubernetes say', () => {
    const faults = manifests.map((one) => [one.kind, one.metadata.name, violation(one)] as const);
    expect(faults.filter(([, , fault]) => fault !== null)).toEqual([]);
  });

  it('has no member that Kubernetes does not know', () => {
    expect(unknownMembers(manifests)).toEqual([]);
  });

  it('runs nobody as root, and lets nobody become more', () => {
    for (const { name, spec } of pods) {
      expect({ name, ...spec.securityContext }).toMatchObject({
        name,
        runAsNonRoot: true,
        runAsUser: expect.any(Number),
        seccompProfile: { type: 'RuntimeDefault' },
      });
      expect(spec.securityContext?.runAsUser).toBeGreaterThan(0);
      expect({ name, token: spec.automountServiceAccountToken }).toEqual({ name, token: false });
    }
    for (const { securityContext } of containers)
      expect(securityContext).toMatchObject({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
  });

  it('asks for what each container needs, and bounds it', () => {
    for (const { name, resources } of containers)
      expect({ name, resources }).toEqual({
        name,
        resources: {
          requests: { cpu: expect.any(String), memory: expect.any(String) },
          limits: { cpu: expect.any(String), memory: expect.any(String) },
        },
      });
  });

  it('takes images by a version, those of this project by its own', () => {
    for (const { image } of containers) {
      expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[\w.]+)?$/);
      const own = /(?:^taskgraph-|\/taskgraph\/)([a-z]+):(.+)$/.exec(image);
      if (!own) continue;
      expect(stages).toContain(own[1]);
      expect(own[2]).toBe(version);
    }
  });

  it('keeps what Kubernetes tells of services out of the settings', () => {
    expect(pods.filter(({ spec }) => spec.enableServiceLinks !== false).map(({ name }) => name)).toEqual([]);
  });

  it('writes no secret down', () => {
    expect(manifests.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    for (const { env = [] } of containers)
      for (const { name, value } of env)
        if (/SECRET|PASSWORD|DATABASE_URL|HEADERS$/.test(name))
          expect({ name, value }).toEqual({ name, value: undefined });
  });

  it('denies what it does not allow', () => {
    expect(find<NetworkPolicy>(manifests, 'NetworkPolicy', 'deny-all').spec).toEqual({
      podSelector: {},
      policyTypes: ['Ingress', 'Egress'],
    });
  });

  it('lets mails out, of auth alone', () => {
    expect(find<NetworkPolicy>(manifests, 'NetworkPolicy', 'mail').spec).toEqual({
      podSelector: { matchLabels: { 'app.kubernetes.io/name': 'auth' } },
      policyTypes: ['Egress'],
      egress: [{ ports: [465, 587].map((port) => ({ protocol: 'TCP', port })) }],
    });
  });
});

describe('the components', () => {
  it('are all rendered by one of these folders', () => {
    const used = FOLDERS.flatMap((folder) =>
      [...readText(`${folder}/kustomization.yaml`).matchAll(/components\/([\w-]+)/g)].map(([, name]) => name),
    );
    const all = [...readText('docs/deployment.md').matchAll(/^\| `components\/([\w-]+)`/gm)].map(([, name]) => name);
    expect([...new Set(used)].sort()).toEqual([...all].sort());
  });
});

whereRendered.each(
  OVERLAYS.flatMap((overlay) => PROCESSES.map((process) => ({ overlay, name: process.name, process }))),
)('$name in $overlay', ({ overlay, process }: { overlay: string; process: ProcessFacts }) => {
  const manifests = rendered.get(`k8s/overlays/${overlay}`) as Manifest[];
  const deployment = find<PodOwner>(manifests, 'Deployment', process.name);
  const pod = deployment.spec.template;
  const container = pod?.spec.containers[0] as Container;
  const env = environmentOf(container, manifests);

  it('is given settings that it reads, and all that it needs', () => {
    expect(Object.keys(env).filter((name) => !process.settings.has(name))).toEqual([]);
    expect(() => process.readConfig(env)).not.toThrow();
  });

  it('can be given each of its secrets, and the one before, and what its operators set', () => {
    const given = new Set(container.env?.map(({ name }) => name));
    expect([...process.settings].filter((name) => isOfOperators(name) && !given.has(name))).toEqual([]);
  });

  it('listens where others look for it', () => {
    expect(container.ports).toEqual([
      expect.objectContaining({ name: 'http', containerPort: process.port }),
      expect.objectContaining({ name: 'operations', containerPort: operationsPortOf(process) }),
    ]);
    const prefix = process.name.toUpperCase();
    expect(env).toMatchObject({
      HOST: '0.0.0.0',
      OPERATIONS_HOST: '0.0.0.0',
      [`${prefix}_PORT`]: String(process.port),
      [`${prefix}_OPERATIONS_PORT`]: String(operationsPortOf(process)),
    });
    const service = find<Manifest & { spec: { ports: unknown } }>(manifests, 'Service', process.name);
    expect(service.spec.ports).toEqual([
      { name: 'http', port: process.port, targetPort: 'http' },
      { name: 'operations', port: operationsPortOf(process), targetPort: 'operations' },
    ]);
  });

  it('is asked at the paths that the code answers', () => {
    const routes = readText('packages/service-kit/src/operational-routes.ts');
    const probes = {
      startupProbe: '/health/live',
      livenessProbe: '/health/live',
      readinessProbe: '/health/ready',
    } as const;
    for (const [probe, route] of Object.entries(probes) as Array<[keyof typeof probes, string]>) {
      expect(container[probe]?.httpGet).toEqual({ path: route, port: 'http' });
      expect(routes).toContain(`'${route}'`);
    }
  });

  it('has longer to stop than it takes', () => {
    const { SHUTDOWN_DRAIN_MS, SHUTDOWN_GRACE_MS } = process.readConfig(env);
    const before = container.lifecycle?.preStop?.sleep?.seconds ?? 0;
    expect(before).toBeGreaterThanOrEqual(5);
    const { periodSeconds = 10, failureThreshold = 3 } = container.readinessProbe ?? {};
    expect(SHUTDOWN_DRAIN_MS / 1_000).toBeGreaterThan(periodSeconds * failureThreshold);
    const takes = before + (SHUTDOWN_DRAIN_MS + SHUTDOWN_GRACE_MS) / 1_000;
    expect(pod?.spec.terminationGracePeriodSeconds).toBeGreaterThan(takes);
  });

  it('asks for the services at their own ports', () => {
    for (const { name, port } of PROCESSES) {
      const url = env[`${name.toUpperCase()}_URL`];
      if (url !== undefined) expect(url).toBe(`http://${name}:${port}`);
    }
  });

  it('is spread, and never wholly evicted', () => {
    const keys = pod?.spec.topologySpreadConstraints?.map(({ topologyKey }) => topologyKey);
    expect(keys).toEqual(['topology.kubernetes.io/zone', 'kubernetes.io/hostname']);
    const budget = find<Manifest & { spec: unknown }>(manifests, 'PodDisruptionBudget', process.name);
    expect(budget.spec).toMatchObject({
      maxUnavailable: 1,
      selector: { matchLabels: deployment.spec.selector?.matchLabels },
    });
  });

  it('is reached by whoever has its URL among the settings, and by nobody else in the cluster', () => {
    const asking = PROCESSES.filter(({ settings }) => settings.has(`${process.name.toUpperCase()}_URL`));
    const { spec } = find<NetworkPolicy>(manifests, 'NetworkPolicy', process.name);
    const allowed = (spec.ingress ?? []).flatMap(({ from }) =>
      (from ?? [{}]).flatMap(({ podSelector }) => podSelector?.matchExpressions?.[0]?.values ?? ['anybody']),
    );
    expect(allowed.sort()).toEqual(process.name === 'gateway' ? ['anybody'] : asking.map(({ name }) => name).sort());
    const asked = PROCESSES.filter(({ name }) => process.settings.has(`${name.toUpperCase()}_URL`));
    const reached = (spec.egress ?? []).flatMap(({ to }) =>
      (to ?? []).map(({ podSelector }) => podSelector?.matchLabels?.['app.kubernetes.io/name']),
    );
    expect(reached.sort()).toEqual(asked.map(({ name }) => name).sort());
  });
});

whereRendered.each(OVERLAYS)('the migrations of %s', (overlay) => {
  it('run once, by the image that only migrates, in all databases', () => {
    const manifests = rendered.get(`k8s/overlays/${overlay}`) as Manifest[];
    const job = find<PodOwner>(manifests, 'Job', 'migrate');
    expect(job.spec.template?.spec).toMatchObject({ restartPolicy: 'Never' });
    const [container] = containersOf({ name: 'migrate', spec: job.spec.template?.spec as never });
    expect(container).toMatchObject({ args: ['all', 'up'] });
    expect(container?.image).toMatch(new RegExp(`(^taskgraph-|/taskgraph/)migrate:${version.replaceAll('.', '\\.')}$`));
    const databases = ['AUTH', 'TASK', 'MEDIA'].map((name) => `${name}_DATABASE_URL`);
    expect(container?.env?.map(({ name }) => name)).toEqual(expect.arrayContaining(databases));
  });
});

whereRendered('the ingress', () => {
  it.each(OVERLAYS)('of %s shows the gateway, and of media nothing but files', (overlay) => {
    const ingress = find<Manifest & { spec: { rules: Array<{ http: { paths: unknown[] } }> } }>(
      rendered.get(`k8s/overlays/${overlay}`) as Manifest[],
      'Ingress',
      'public',
    );
    expect(ingress.spec.rules.flatMap(({ http }) => http.paths)).toEqual([
      expect.objectContaining({
        path: '/graphql',
        pathType: 'Exact',
        backend: { service: { name: 'gateway', port: { name: 'http' } } },
      }),
      ...['/files/', '/exports/', '/uploads/', '/icons/'].map((path) =>
        expect.objectContaining({
          path,
          pathType: 'Prefix',
          backend: { service: { name: 'media', port: { name: 'http' } } },
        }),
      ),
    ]);
    const routes = readText('subgraphs/media/src/modules/files/routes.ts');
    for (const route of ["'/files/:id/:variant'", "'/exports/:id'"]) expect(routes).toContain(route);
    expect(readText('subgraphs/media/src/modules/upload-sessions/routes.ts')).toContain("'/uploads'");
  });

  it('keeps subscriptions for an hour', () => {
    const nginx = find(rendered.get('k8s/overlays/dev') as Manifest[], 'Ingress', 'public').metadata.annotations;
    expect(nginx?.['nginx.ingress.kubernetes.io/proxy-read-timeout']).toBe('3600');
    const gke = rendered.get('k8s/overlays/gke') as Manifest[];
    expect(find<Manifest & { spec: unknown }>(gke, 'BackendConfig', 'gateway').spec).toMatchObject({
      timeoutSec: 3600,
    });
  });
});

whereRendered('the gke overlay', () => {
  const manifests = rendered.get('k8s/overlays/gke') as Manifest[];

  it('brings every secret that something refers to', () => {
    const referred = podsOf(manifests)
      .flatMap(containersOf)
      .flatMap(({ env = [] }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []))
      // What need not be there: a secret before the present one, and a server for mails.
      .filter(({ key }) => !key.endsWith('_PREVIOUS') && key !== 'SMTP_URL');
    const brought = manifests.filter(({ kind }) => kind === 'ExternalSecret') as Array<
      Manifest & { spec: { data: Array<{ secretKey: string }> } }
    >;
    for (const { name, key } of referred)
      expect(
        brought.find(({ metadata }) => metadata.name === name)?.spec.data.map(({ secretKey }) => secretKey),
      ).toContain(key);
  });

  it('gives each process that speaks with Google Cloud an account of its own', () => {
    const accounts = PROCESSES.map(
      ({ name }) => find(manifests, 'ServiceAccount', name).metadata.annotations?.['iam.gke.io/gcp-service-account'],
    );
    expect(accounts).toEqual(PROCESSES.map(({ name }) => expect.stringMatching(`^taskgraph-${name}@`)));
  });

  it('has room for what waits at media: files that arrive, copies of them that are looked at, and an export', () => {
    const pod = find<PodOwner>(manifests, 'Deployment', 'media').spec.template?.spec;
    const env = environmentOf(pod?.containers[0] as Container, manifests);
    const { UPLOAD_SPOOL_MAX_BYTES, DATA_EXPORT_MAX_BYTES } = readMediaConfig(env);
    const sizeLimit = pod?.volumes?.find(({ name }) => name === 'files')?.emptyDir?.sizeLimit;
    const [, size] = /^(\d+)Gi$/.exec(sizeLimit ?? '') ?? [];
    expect(2 * UPLOAD_SPOOL_MAX_BYTES + DATA_EXPORT_MAX_BYTES).toBeLessThan(Number(size) * 2 ** 30);
  });

  it('leaves the number of replicas to the autoscalers', () => {
    for (const { name } of PROCESSES) {
      expect(find<PodOwner>(manifests, 'Deployment', name).spec.replicas).toBeUndefined();
      expect(find<Manifest & { spec: unknown }>(manifests, 'HorizontalPodAutoscaler', name).spec).toMatchObject({
        scaleTargetRef: { kind: 'Deployment', name },
        minReplicas: 2,
        metrics: [
          { type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } },
        ],
      });
    }
  });

  it('can scale the gateway by a metric that the gateway has', () => {
    const scaler = find<Manifest & { spec: { metrics: Array<{ type: string; pods?: { metric: { name: string } } }> } }>(
      rendered.get(EVERYTHING) as Manifest[],
      'HorizontalPodAutoscaler',
      'gateway',
    );
    expect(scaler.spec.metrics.map(({ type }) => type)).toEqual(['Resource', 'Pods']);
    const names = scaler.spec.metrics.flatMap(({ pods: one }) => one?.metric.name ?? []);
    for (const name of names) expect(readText('docs/operations.md')).toContain(`\`${name}\``);
  });

  it('scrapes the ports for operators', () => {
    const monitor = find<Manifest & { spec: { endpoints: unknown; jobLabel: string } }>(
      manifests,
      'ServiceMonitor',
      'taskgraph',
    );
    expect(monitor.spec.jobLabel).toBe('app.kubernetes.io/part-of');
    expect(monitor.spec.endpoints).toEqual([expect.objectContaining({ port: 'operations', path: '/metrics' })]);
    const { spec } = find<NetworkPolicy>(manifests, 'NetworkPolicy', 'monitoring');
    expect(spec.ingress?.[0]?.ports?.map(({ port }) => port).sort()).toEqual(PROCESSES.map(operationsPortOf).sort());
  });
});

whereRendered('traces', () => {
  const manifests = rendered.get(EVERYTHING) as Manifest[];
  const { spec: policy } = find<NetworkPolicy>(manifests, 'NetworkPolicy', 'tracing');

  it.each(PROCESSES)('of $name go to the collector, which its network lets it reach', ({ name, readConfig }) => {
    const pod = find<PodOwner>(manifests, 'Deployment', name).spec.template?.spec;
    const env = environmentOf(pod?.containers[0] as Container, manifests);
    const url = new URL(readConfig(env).OTEL_EXPORTER_OTLP_ENDPOINT ?? '');
    const [, namespace] = url.hostname.split('.');
    expect(policy.egress).toEqual([
      {
        to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } }],
        ports: [{ protocol: 'TCP', port: Number(url.port) }],
      },
    ]);
    expect(policy.podSelector?.matchExpressions?.[0]?.values).toContain(name);
  });

  it.each(PROCESSES)('of $name carry the key of the collector, where there is one', ({ name, settings }) => {
    const pod = find<PodOwner>(manifests, 'Deployment', name).spec.template?.spec;
    const key = 'OTEL_EXPORTER_OTLP_HEADERS';
    expect(settings).toContain(key);
    expect(pod?.containers[0]?.env).toContainEqual({
      name: key,
      valueFrom: { secretKeyRef: { name: 'tracing', key, optional: true } },
    });
  });

  it('are of some requests, whatever strangers ask for, and whole behind the gateway', () => {
    const samplers = PROCESSES.map(({ name }) => {
      const pod = find<PodOwner>(manifests, 'Deployment', name).spec.template?.spec;
      const env = environmentOf(pod?.containers[0] as Container, manifests);
      return [name, env['OTEL_TRACES_SAMPLER'], env['OTEL_TRACES_SAMPLER_ARG']];
    });
    const behind = ['parentbased_always_on', undefined];
    expect(samplers).toEqual([
      ['auth', ...behind],
      ['gateway', 'traceidratio', '0.1'],
      ['media', ...behind],
      ['task', ...behind],
    ]);
  });
});
