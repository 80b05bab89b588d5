/** Words of values that an operator is to put their own in the place of. */
const PLACEHOLDER = /change|replace|example|placeholder|default|insecure|\bdummy\b|your[-_ ]|\btodo\b|(.)\1{9}/i;
/** Random text of 32 characters has far more, in hexadecimal digits too. */
const MIN_DISTINCT_CHARACTERS = 10;
const SECRET = /_SECRET(_PREVIOUS)?$/;

/**
 * Finds secrets that somebody else may know as well: words that stand in examples for a secret, and what a hand has typed to have enough
 * characters. Not in development, where nothing is to be kept from anybody.
 *
 * @returns a fault for each
 */
export function findDefaultSecrets(settings: readonly string[], env: NodeJS.ProcessEnv): string[] {
  if (env['NODE_ENV'] === 'development') return [];
  return settings
    .filter((name) => SECRET.test(name) && isDefault(env[name] ?? ''))
    .map((name) => `${name}: is no secret but stands for one; make one with: openssl rand -hex 32`);
}

function isDefault(value: string): boolean {
  return value !== '' && (PLACEHOLDER.test(value) || new Set(value).size < MIN_DISTINCT_CHARACTERS);
}
