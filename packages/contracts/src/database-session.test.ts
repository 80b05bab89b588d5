import { describe, expect, it } from '@jest/globals';
import { databaseSession } from './database-session.js';

const optionsOf = (url: string) => new URL(url).searchParams.get('options');

describe('the URL of a database session', () => {
  const url = 'postgresql://user:p%40ss@db.example:5433/task?sslmode=require';

  it('asks for UTC and changes nothing else', () => {
    const session = new URL(databaseSession(url));
    expect(session.searchParams.get('options')).toBe('-c TimeZone=UTC -c DateStyle=ISO,MDY');
    session.searchParams.delete('options');
    expect(session.href).toBe(url);
  });

  it('keeps the options that are there, and has the last word', () => {
    expect(optionsOf(databaseSession(`${url}&options=-c%20geqo%3Doff`))).toBe(
      '-c geqo=off -c TimeZone=UTC -c DateStyle=ISO,MDY',
    );
  });

  it('is the same when it is asked for twice', () => {
    expect(databaseSession(databaseSession(url))).toBe(databaseSession(url));
  });
});
