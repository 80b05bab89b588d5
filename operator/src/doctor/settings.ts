import { readServiceConfigs } from '@taskgraph/embedded/service-configs';
import { ConfigError } from '@taskgraph/service-kit';
import { DATABASES, type OperatorConfig } from '../config.js';
import { fault, ok, warning, type Finding } from './finding.js';

const SECRETS = ['AUTH_KEY_ENCRYPTION_SECRET', 'MEDIA_URL_SECRET', 'CLIENT_INFO_SECRET', 'EVENT_SOURCE_SECRET'];
const PLACEHOLDER = 'a secret that npm start makes by itself';
/** What people leave standing. */
const GUESSABLE = /change|secret|password|example|default|taskgraph|^(.)\1+$|^(0123|1234|abcd)/i;

/** Settings as the services read them. What `npm start` finds by itself counts as set where no database is named. */
export function checkSettings(env: NodeJS.ProcessEnv, { databaseUrls }: OperatorConfig): Finding[] {
  const isEmbedded = DATABASES.every((name) => databaseUrls[name] === null);
  const filled: NodeJS.ProcessEnv = { ...env };
  if (isEmbedded) {
    filled['NODE_ENV'] ||= 'development';
    for (const name of SECRETS.slice(0, 3)) filled[name] ||= PLACEHOLDER;
    for (const name of DATABASES) filled[`${name.toUpperCase()}_DATABASE_URL`] = `postgresql://127.0.0.1/${name}`;
  }
  return [checkValues(filled, isEmbedded), ...SECRETS.flatMap((name) => checkSecret(name, env))];
}

function checkValues(env: NodeJS.ProcessEnv, isEmbedded: boolean): Finding {
  try {
    readServiceConfigs(env);
    return ok('settings', isEmbedded ? 'those of npm start' : 'those of services on databases that settings name');
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return fault('settings', error.message, 'README.md lists the settings.');
  }
}

function checkSecret(name: string, env: NodeJS.ProcessEnv): Finding[] {
  const value = env[name];
  if (!value) return [];
  const twin = SECRETS.find((other) => other !== name && env[other] === value);
  if (twin)
    return [warning('secrets', `${name} and ${twin} are the same`, `Make one of its own: openssl rand -hex 32`)];
  if (GUESSABLE.test(value) || new Set(value).size < 8)
    return [fault('secrets', `${name} can be guessed`, 'Make another one: openssl rand -hex 32')];
  return [ok('secrets', `${name} is set`)];
}
