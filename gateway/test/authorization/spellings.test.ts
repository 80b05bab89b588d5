import { describe, expect, it } from '@jest/globals';
import { expectErrorCode, signTestToken } from '@taskgraph/testkit';
import { buildSupergraph } from '../../../packages/federation-engine/test/build-supergraph.js';
import { composeSdl, startGateway } from '../fake-subgraphs.js';

const FEDERATION = 'https://specs.apollo.dev/federation/v2.9';
const extend = (args: string) => `extend schema @link(url: "${FEDERATION}"${args})`;
const compose = (...typeDefs: string[]) =>
  composeSdl(typeDefs.map((text, index) => ({ name: `s${index}`, url: `http://s${index}.test`, typeDefs: text })));

/** What a supergraph asks, by coordinate. */
function requirementsOf(supergraphSdl: string): Record<string, unknown> {
  const { conditions, byCoordinate } = buildSupergraph(supergraphSdl).requirements;
  return Object.fromEntries([...byCoordinate].map(([name, indices]) => [name, indices.map((at) => conditions[at])]));
}

const AUTHENTICATED = { kind: 'authenticated' };
const ADMIN = { kind: 'scopes', anyOf: [['admin']] };
const MARKED = `
  type Query { x: String @AUTHENTICATED y: String @REQUIRES_SCOPES(scopes: [["admin"]]) z: String @POLICY(policies: [["own"]]) open: Int }`;

describe('how a subgraph may spell the security directives', () => {
  const spellings: ReadonlyArray<readonly [string, string, (name: string) => string]> = [
    ['imported', ', import: ["@authenticated", "@requiresScopes", "@policy"]', (name) => name],
    [
      'renamed',
      ', import: [{ name: "@authenticated", as: "@auth" }, { name: "@requiresScopes", as: "@needs" }, { name: "@policy", as: "@authenticated" }]',
      (name) => ({ authenticated: 'auth', requiresScopes: 'needs', policy: 'authenticated' })[name] as string,
    ],
    ['not imported', '', (name) => `federation__${name}`],
    ['of a feature that is renamed', ', as: "fed"', (name) => `fed__${name}`],
  ];
  const written = (args: string, spell: (name: string) => string) =>
    extend(args) +
    MARKED.replace('AUTHENTICATED', spell('authenticated'))
      .replace('REQUIRES_SCOPES', spell('requiresScopes'))
      .replace('POLICY', spell('policy'));

  it.each(spellings)('%s', (_how, args, spell) => {
    expect(requirementsOf(compose(written(args, spell)))).toEqual({
      'Query.x': [AUTHENTICATED],
      'Query.y': [ADMIN],
      'Query.z': [{ kind: 'policies', anyOf: [['own']] }],
    });
  });

  it.each(spellings)('%s: nobody who is anonymous gets what they guard', async (_how, args, spell) => {
    const answer = () => 'hidden';
    const resolvers = { Query: { x: answer, y: answer, z: answer, open: () => 1 } };
    await using gateway = await startGateway([{ name: 's', typeDefs: written(args, spell), resolvers }], {
      AUTHORIZATION_POLICIES: '{"own": {"role": "ADMIN"}}',
    });
    for (const field of ['x', 'y', 'z']) {
      const result = await gateway.run(`{ ${field} }`);
      expectErrorCode(result, 'UNAUTHENTICATED');
      expect(JSON.stringify(result.body)).not.toContain('hidden');
    }
    expectErrorCode(await gateway.run('{ y }', { token: signTestToken() }), 'FORBIDDEN');
    expect((await gateway.run('{ x y z }', { token: signTestToken({ role: 'ADMIN' }) })).body).toEqual({
      data: { x: 'hidden', y: 'hidden', z: 'hidden' },
    });
  });
});

describe('how a supergraph may spell them', () => {
  const plain = compose(
    `${extend(', import: ["@authenticated", "@requiresScopes"]')} type Query { x: String @authenticated y: Int @requiresScopes(scopes: [["admin"]]) }`,
  );
  const spelled: ReadonlyArray<readonly [string, string]> = [
    ['as it is composed', plain],
    [
      'with a feature that is renamed',
      plain
        .replace('authenticated/v0.1"', 'authenticated/v0.1", as: "known"')
        .replaceAll('@authenticated', '@known')
        .replace('requiresScopes/v0.1"', 'requiresScopes/v0.1", as: "needs"')
        .replaceAll('@requiresScopes', '@needs')
        .replaceAll('requiresScopes__', 'needs__'),
    ],
    [
      'with a feature and an import that are renamed',
      plain
        .replace(
          'authenticated/v0.1"',
          'authenticated/v0.1", as: "known", import: [{ name: "@authenticated", as: "@requiresAScope" }]',
        )
        .replaceAll(/@authenticated(?!")/g, '@requiresAScope'),
    ],
    ['without a purpose', plain.replaceAll(/(authenticated|requiresScopes)\/v0.1", for: SECURITY/g, '$1/v0.1"')],
    [
      'with a @link that is renamed',
      plain
        .replace('link/v1.0"', 'link/v1.0", as: "uses"')
        .replaceAll('@link(', '@uses(')
        .replaceAll('link__', 'uses__'),
    ],
  ];

  it.each(spelled)('%s', (_how, supergraph) => {
    expect(requirementsOf(supergraph)).toEqual({ 'Query.x': [AUTHENTICATED], 'Query.y': [ADMIN] });
  });
});

describe('a supergraph that guards something in a way that is not known', () => {
  const plain = compose(`${extend(', import: ["@authenticated"]')} type Query { x: String @authenticated }`);
  const definition = 'directive @vault on FIELD_DEFINITION\n\ntype Query';
  const linked = (url: string, purpose: string) =>
    plain
      .replace(
        '@link(url: "https://specs.apollo.dev/auth',
        `@link(url: "${url}"${purpose})\n  @link(url: "https://specs.apollo.dev/auth`,
      )
      .replace('type Query', definition);

  it.each([
    ['a security feature of somebody', linked('https://specs.example.com/vault/v1.0', ', for: SECURITY')],
    ['a security feature of Apollo', linked('https://specs.apollo.dev/vault/v0.1', ', for: SECURITY')],
    ['one that is not marked', linked('https://specs.apollo.dev/accessControl/v0.1', '')],
    ['a later version of one that is known', plain.replace('authenticated/v0.1', 'authenticated/v0.2')],
    ['the same, not marked', plain.replace('authenticated/v0.1", for: SECURITY', 'authenticated/v1.0"')],
    ['a directive that no feature is linked for', plain.replace(/\n.*authenticated\/v0.1.*\n/, '\n')],
  ])('is refused: %s', async (_what, supergraph) => {
    expect(() => buildSupergraph(supergraph)).toThrow(/security feature|no @link|SECURITY/);
  });

  it('does not start a gateway, and does not replace a supergraph that is served', async () => {
    await using gateway = await startGateway([
      { name: 's', typeDefs: `${extend('')} type Query { x: String }`, resolvers: { Query: { x: () => 'x' } } },
    ]);
    const { writeFile } = await import('node:fs/promises');
    await writeFile(gateway.supergraphPath, linked('https://specs.example.com/vault/v1.0', ', for: SECURITY'));
    const refused = async () =>
      /supergraph_reloads_total\{[^}]*outcome="refused"[^}]*\} ([0-9]+)/.test(
        await (await fetch(`${gateway.url}/metrics`)).text(),
      );
    while (!(await refused()));
    expect((await gateway.run('{ x }')).body).toEqual({ data: { x: 'x' } });
  });
});

describe('what a field asks', () => {
  const LINK = extend(
    ', import: ["@authenticated", "@requiresScopes", "@key", "@external", "@requires", "@interfaceObject", "@context", "@fromContext"]',
  );

  it('includes what its @requires asks, where a composition has left that out', () => {
    const guarded = compose(
      `${LINK} type Query { p: P } type P @key(fields: "id") { id: ID! box: Box weight: Int @authenticated } type Box { size: Int @requiresScopes(scopes: [["admin"]]) }`,
      `${LINK} type P @key(fields: "id") { id: ID! weight: Int @external box: Box @external
          cost: Int @requires(fields: "weight box { size }") @authenticated @requiresScopes(scopes: [["admin"]])
          total: Int }
       type Box { size: Int @external }`,
    );
    const without = guarded.replace(/(cost: Int @join__field[^)]*\)).*/, '$1');
    expect(without).not.toBe(guarded);
    expect(requirementsOf(without)['P.cost']).toEqual([ADMIN, AUTHENTICATED]);
    expect(requirementsOf(without)['P.total']).toBeUndefined();
  });

  it('includes what its arguments from a context ask', () => {
    const guarded = compose(
      `${LINK} type Query { p: P } type P @key(fields: "id") @context(name: "c") { id: ID! weight: Int @authenticated q: Q! }
       type Q @key(fields: "id") { id: ID! f(w: Int @fromContext(field: "$c { weight }")): Int @authenticated }`,
    );
    const without = guarded.replace(/(f: Int @join__field.*\]\)).*/, '$1');
    expect(without).not.toBe(guarded);
    expect(requirementsOf(without)['Q.f']).toEqual([AUTHENTICATED]);
  });

  it('includes what the interface object asks that it comes of', () => {
    const guarded = compose(
      `${LINK} interface Media @key(fields: "id") { id: ID! } type Book implements Media @key(fields: "id") { id: ID! } type Query { book: Book }`,
      `${LINK} type Media @key(fields: "id") @interfaceObject { id: ID! secret: String @authenticated }`,
    );
    const without = guarded.replace('secret: String @authenticated @join__field\n', 'secret: String @join__field\n');
    expect(without).not.toBe(guarded);
    expect(requirementsOf(without)).toMatchObject({ 'Book.secret': [AUTHENTICATED], 'Media.secret': [AUTHENTICATED] });
  });

  describe('of an interface object', () => {
    const SCOPES = '@requiresScopes(scopes: [["admin"]])';
    const sdl = (guards: { readonly Book?: string; readonly Film?: string }) =>
      compose(
        `${LINK} interface Media @key(fields: "id") { id: ID! title: String }
         type Book implements Media @key(fields: "id") ${guards.Book ?? ''} { id: ID! title: String }
         type Film implements Media @key(fields: "id") ${guards.Film ?? ''} { id: ID! title: String }
         type Query { book: Book film: Film guarded: Int @authenticated ${SCOPES} }`,
        `${LINK} type Media @key(fields: "id") @interfaceObject { id: ID! rating: Int }`,
      );
    /** As compositions before Federation 2.12 have written down a directive on an interface object. */
    const guardedBefore = (text: string, guards: string) => {
      const found = text.replace(
        /(interface Media\b[^{]*?)(\s*@authenticated|\s*@requiresScopes\([^)]*\))*(\s*\{)/,
        `$1 ${guards}$3`,
      );
      expect(found).not.toBe(text);
      return found;
    };

    it.each([
      ['what stands on it', {}, '@authenticated', [AUTHENTICATED]],
      ['several directives on it', {}, `@authenticated ${SCOPES}`, [AUTHENTICATED, ADMIN]],
      ['another than on a type', { Film: '@authenticated' }, SCOPES, [ADMIN]],
      ['another list than on a type', { Film: '@requiresScopes(scopes: [["staff"]])' }, SCOPES, [ADMIN]],
    ])('includes %s, where it was composed before that was refused', (_what, types, guards, expected) => {
      const requirements = requirementsOf(guardedBefore(sdl(types), guards));
      expect(requirements['Book.rating']).toEqual(expected);
      expect(requirements['Film.rating']).toEqual(expected);
      // The interface has these fields of its own, and so have the types.
      expect(requirements['Book.title']).toBeUndefined();
    });

    it.each([
      ['one of its types', { Film: '@authenticated' }],
      ['each of its types', { Book: SCOPES, Film: `@authenticated @requiresScopes(scopes: [["staff"], ["a", "b"]])` }],
    ])('leaves out what it asks for %s only', (_what, types) => {
      const requirements = requirementsOf(sdl(types));
      expect(requirements['Media']).toBeDefined();
      expect(requirements['Book.rating']).toBeUndefined();
      expect(requirements['Film.rating']).toBeUndefined();
    });
  });
});
