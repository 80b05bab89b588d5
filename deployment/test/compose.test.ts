import { describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import addFormats from 'ajv-formats';
import path from 'node:path';
import { parse } from 'yaml';
import { readDockerfile } from '../images/dockerfile.mjs';
import { isOfOperators, operationsPortOf, PROCESSES } from './processes.js';
import { readText, ROOT } from './repository.js';
import { RANDOM_SECRET } from './workloads.js';

interface Service {
  readonly image?: string;
  readonly build?: { readonly context: string; readonly target: string };
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: ReadonlyArray<{ readonly source: string }>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly stop_grace_period?: string;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly profiles?: readonly string[];
}

const file = parse(readText('docker-compose.yml'), { merge: true }) as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(file.services);
const stages = new Set(readDockerfile(path.join(ROOT, 'Dockerfile')).map(({ name }) => name));

/** As compose fills in what stands in `.env`: what is required is given, what has a default gets it. */
function filledIn(environment: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(environment).map(([name, value]) => [
      name,
      String(value).replace(
        /\$\{(\w+)(?::([-?])([^}]*))?\}/g,
        (_whole, _name, kind: string | undefined, text: string) => (kind === '-' ? text : RANDOM_SECRET),
      ),
    ]),
  );
}

describe('docker-compose.yml', () => {
  it('is what the Compose Specification says', () => {
    const ajv = new Ajv({ strict: false, allErrors: true });
    addFormats.default(ajv);
    const { $schema: _draft, ...schema } = JSON.parse(readText('deployment/schemas/compose-spec.json')) as object & {
      $schema: string;
    };
    const validate = ajv.compile(schema);
    validate(file);
    expect(validate.errors ?? []).toEqual([]);
  });

  it('runs every process, and what migrates the databases before them', () => {
    for (const { name } of PROCESSES) {
      expect(file.services[name]?.build).toEqual({ context: '.', target: name });
      expect(file.services[name]?.depends_on?.['migrate']).toEqual({ condition: 'service_completed_successfully' });
    }
    expect(file.services['migrate']?.build?.target).toBe('migrate');
    for (const database of ['AUTH', 'TASK', 'MEDIA'])
      expect(Object.keys(file.services['migrate']?.environment ?? {})).toContain(`${database}_DATABASE_URL`);
  });

  it('has the parts that the processes depend on, and others by profile', () => {
    const profileOf = ({ profiles }: Service) => profiles?.join() ?? 'always';
    const namesOf = (profile: string) =>
      services
        .filter(([, service]) => profileOf(service) === profile)
        .map(([name]) => name)
        .sort();
    expect(namesOf('always')).toEqual(
      ['postgres', 'redis', 'pubsub', 'migrate', ...PROCESSES.map(({ name }) => name)].sort(),
    );
    expect(namesOf('object-store')).toEqual(['storage', 'storage-bucket']);
    expect(namesOf('observability')).toEqual(['grafana', 'prometheus']);
    const profiles = new Set(services.map(([, service]) => profileOf(service)));
    expect([...profiles].sort()).toEqual(['always', 'object-store', 'observability']);
  });

  it.each(services)('%s comes from the Dockerfile or from an image with a version', (_name, { image, build }) => {
    if (build) expect(stages).toContain(build.target);
    else expect(image).toMatch(/:v?\d+\.\d+(\.\d+)?(-[\w.]+)?$/);
  });

  it.each(services)('%s mounts nothing of the checkout', (_name, { volumes = [] }) => {
    for (const volume of volumes) expect(Object.keys(file.volumes)).toContain(volume.split(':')[0]);
  });

  it.each(services)('%s is reached from this machine only', (_name, { ports = [] }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(services)('%s has no secret that is written down', (_name, { environment = {} }) => {
    for (const [name, value] of Object.entries(environment)) {
      if (/_PREVIOUS$|^EVENT_SOURCE_SECRET$/.test(name)) expect(value).toMatch(/^\$\{\w+:-\}$/);
      else if (/SECRET|PASSWORD/.test(name)) expect(value).toMatch(/^\$\{\w+:\?/);
      if (/_DATABASE_URL$/.test(name)) expect(value).toMatch(/:\$\{POSTGRES_PASSWORD\}@/);
    }
  });
});

describe.each(PROCESSES)('$name in docker-compose.yml', (process) => {
  const service = file.services[process.name] as Service;
  const environment = service.environment ?? {};

  it('is given settings that it reads, and all that it needs', () => {
    expect(Object.keys(environment).filter((name) => !process.settings.has(name))).toEqual([]);
    expect(() => process.readConfig(filledIn(environment))).not.toThrow();
  });

  it('can be given each of its secrets, and the one before, and what its operators set', () => {
    expect([...process.settings].filter((name) => isOfOperators(name) && !(name in environment))).toEqual([]);
  });

  it('passes on where traces go, and which requests have one', () => {
    const names = [...process.settings].filter((name) => name.startsWith('OTEL_') && name !== 'OTEL_SERVICE_NAME');
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) expect(environment[name]).toBe(`\${${name}:-}`);
  });

  it('knows no secret of another', () => {
    const foreign = PROCESSES.filter((one) => one !== process).map(({ name }) => name.toUpperCase());
    const secrets = Object.keys(environment).filter((name) => /SECRET|DATABASE_URL/.test(name));
    expect(secrets.filter((name) => foreign.some((other) => name.startsWith(`${other}_`)))).toEqual([]);
  });

  it('cannot write to its file system, nor become more than it is', () => {
    expect(service).toMatchObject({
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
    });
  });

  it('has longer to stop than it takes', () => {
    const { SHUTDOWN_GRACE_MS } = process.readConfig(filledIn(environment));
    expect(Number.parseInt(service.stop_grace_period ?? '0', 10) * 1_000).toBeGreaterThan(SHUTDOWN_GRACE_MS);
  });

  it('keeps its port for operators to itself', () => {
    for (const port of service.ports ?? []) expect(port).not.toContain(String(operationsPortOf(process)));
  });
});

describe('the gateway in docker-compose.yml', () => {
  it('shows the explorer only where the environment says so', () => {
    expect(file.services['gateway']?.environment?.['SANDBOX']).toBe('${SANDBOX:-}');
    expect(file.services['gateway']?.environment?.['NODE_ENV']).toBe('${NODE_ENV:-production}');
  });
});
