import { readdirSync, readFileSync, statSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';

const ROOT = new URL('../../', import.meta.url);

/** The sources of a subgraph, tests and generated code left out, as one text. */
function sourcesOf(subgraph: string): string {
  const folder = new URL(`subgraphs/${subgraph}/src/`, ROOT);
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => /^(?!generated).*(?<!\.test)\.ts$/.test(file))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'))
    .join('\n');
}

/** Names of events, without their version. */
function eventsIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map(([, name = '']) => name))].sort();
}

/** Who reads it over a phone's network has it within a second or so. */
const MAX_PICTURE_BYTES = 150_000;

it('the README says what its pictures show, and they are there and small', () => {
  const readme = readFileSync(new URL('README.md', ROOT), 'utf8');
  const pictures = [...readme.matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g)];
  expect(pictures).not.toEqual([]);
  for (const [, alternative = '', file = ''] of pictures) {
    expect(alternative).toMatch(/\w+ \w+/);
    expect(statSync(new URL(file, ROOT)).size).toBeLessThan(MAX_PICTURE_BYTES);
  }
});

describe.each(['auth', 'task', 'media'])('the page of %s', (subgraph) => {
  const page = readFileSync(new URL(`subgraphs/${subgraph}/README.md`, ROOT), 'utf8');
  const row = (name: string) => new RegExp(`^\\| ${name} \\|(.*)$`, 'm').exec(page)?.[1] ?? '';
  const code = sourcesOf(subgraph);

  it('names the events that it tells and those that it hears', () => {
    const NAME = /`([a-z]+\.[a-z-]+)`/g;
    expect(eventsIn(row('events out'), NAME)).toEqual(eventsIn(code, /type: '([a-z]+\.[a-z-]+)\.v\d+'/g));
    expect(eventsIn(row('events in'), NAME)).toEqual(
      eventsIn(code, /(?:^ {2,4}|\{ )'([a-z]+\.[a-z-]+)\.v\d+':/gm).filter((name) => !name.startsWith(`${subgraph}.`)),
    );
  });

  it('names every root field of its schema', () => {
    const folder = new URL(`subgraphs/${subgraph}/src/`, ROOT);
    const sdl = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.graphql'))
      .map((file) => readFileSync(new URL(file, folder), 'utf8'))
      .join('\n');
    for (const [type, title] of [
      ['Query', 'queries'],
      ['Mutation', 'mutations'],
      ['Subscription', 'subscriptions'],
    ] as const) {
      const blocks = [...sdl.matchAll(new RegExp(`^(?:extend )?type ${type} \\{\\n([\\s\\S]*?)^\\}`, 'gm'))].map(
        ([, block = '']) => block,
      );
      const fields = blocks.flatMap((block) =>
        [...block.matchAll(/^ {2}([a-z]\w*)[(:]/gm)].map(([, name = '']) => name),
      );
      expect(fields.filter((name) => !row(title).includes(`\`${name}\``))).toEqual([]);
    }
  });
});
