import { describe, expect, it } from '@jest/globals';
import { findMisspelled } from './misspelled-settings.js';

const KNOWN = ['AUTH_PORT', 'REDIS_URL', 'HOST', 'ACCESS_TOKEN_LIFETIME_SECONDS'];

describe('a variable of the environment', () => {
  it.each([
    ['AUTH_PROT', 'AUTH_PORT'],
    ['AUTH_PORTS', 'AUTH_PORT'],
    ['AUTHPORT', 'AUTH_PORT'],
    ['auth_port', 'AUTH_PORT'],
    ['REDIS_URI', 'REDIS_URL'],
    ['ACCES_TOKEN_LIFETIME_SECOND', 'ACCESS_TOKEN_LIFETIME_SECONDS'],
  ])('%s is meant to be %s', (given, meant) => {
    expect(findMisspelled(KNOWN, { [given]: '1' })).toEqual([{ given, meant }]);
  });

  it.each(['AUTH_PORT', 'TASK_PORT', 'MEDIA_URL', 'PATH', 'HOSTS', 'HOSTNAME', 'PORT', 'ACCESS_TOKEN'])(
    '%s is taken for no misspelling',
    (given) => {
      expect(findMisspelled(KNOWN, { [given]: '1' })).toEqual([]);
    },
  );

  it('is left alone when it is empty', () => {
    expect(findMisspelled(KNOWN, { AUTH_PROT: '' })).toEqual([]);
  });
});
