import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { readPreconditions } from '@taskgraph/service-kit';
import { validate, parse } from 'graphql';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';
import { compileRoute } from '../../src/rest/compile-route.js';
import { readRestDocuments } from '../../src/rest/rest-documents.js';
import { onlyVersion } from '../../src/rest/versions.js';
import { ROUTES } from '../../src/rest/routes.js';

const { schema } = buildSupergraph(readFileSync(new URL('../../supergraph.graphql', import.meta.url), 'utf8'));
const documents = readRestDocuments();

describe('the REST façade', () => {
  it.each([...documents.values()].map(({ name, text }) => [name, text] as const))(
    'asks %s of the graph',
    (_name, text) => {
      expect(validate(schema, parse(text)).map(({ message }) => message)).toEqual([]);
    },
  );

  it('has a route for each of its operations, and an operation for each of its routes', () => {
    expect(ROUTES.map(({ operation }) => operation).sort()).toEqual([...documents.keys()].sort());
  });

  it('is told of in docs/rest.md, route by route, with its operation and its success', () => {
    const text = readFileSync(new URL('../../../docs/rest.md', import.meta.url), 'utf8');
    const rows = [...text.matchAll(/^\| `([A-Z]+) \/api(\S+)` \| (\w+) \| ([\d, ]+) \|/gm)];
    expect(rows.map(([, method, path, operation, success]) => `${method} ${path} ${operation} ${success}`)).toEqual(
      ROUTES.map(
        ({ method, path, operation, status, file, query }) =>
          `${method} ${path} ${operation} ${status}${file && !query ? ', 206' : ''}`,
      ),
    );
  });

  it.each(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
    'has all that %s needs',
    (_name, route) => {
      const document = documents.get(route.operation);
      if (!document) throw new Error('there is no document');
      const { answer, body } = compileRoute(schema, route, document);
      expect(answer).toMatchObject({ type: 'object', additionalProperties: false });
      expect(body === null).toBe(route.body === undefined);
    },
  );

  it('derives answers, lists and bodies from the graph', () => {
    const compiled = (operation: string) => {
      const route = ROUTES.find((each) => each.operation === operation);
      const document = documents.get(operation);
      if (!route || !document) throw new Error(`there is no ${operation}`);
      return compileRoute(schema, route, document);
    };
    expect(Object.keys(compiled('UpdateTask').body?.schema.properties ?? {})).toEqual([
      'title',
      'description',
      'status',
      'priority',
      'dueAt',
      'labels',
      'assigneeId',
    ]);
    expect(compiled('CreateTask').body?.schema.required).toEqual(['title']);
    expect(compiled('Tasks').answer.required).toEqual(['items', 'pageInfo', 'totalCount']);
    const media = compiled('TaskWithMedia').answer.properties?.['media'];
    // The node of an edge is null while media is down.
    expect(media?.properties?.['items']?.items?.required).toEqual(['attachedAt', 'attachedBy']);
    const edge = { attachedAt: 'now', attachedBy: null, node: null };
    const task = { media: { edges: [edge], pageInfo: {}, totalCount: 1 } };
    expect(compiled('TaskWithMedia').project({ task })).toMatchObject({
      media: { items: [{ attachedAt: 'now', attachedBy: null }], totalCount: 1 },
    });
  });
});

it('names one version where If-Match holds one strong tag of a version', () => {
  const versionOf = (header: string) => onlyVersion(readPreconditions({ 'if-match': header })?.ifMatch ?? '*');
  expect([versionOf('"7"'), versionOf('"07"'), versionOf('"x"'), versionOf('W/"7"'), versionOf('"7", "8"')]).toEqual([
    7,
    null,
    null,
    null,
    null,
  ]);
});
