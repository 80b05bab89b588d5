import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  isObjectType,
  buildASTSchema,
  extendSchema,
  getNamedType,
  Kind,
  parse,
  type DirectiveNode,
  type DocumentNode,
  type GraphQLObjectType,
  type GraphQLSchema,
} from 'graphql';

const SUBGRAPHS = ['auth', 'task', 'media'];

/** What is the same for every viewer, and may be kept for everybody. All else has to say `maxAge: 0`. */
const FOR_EVERYBODY: Readonly<Record<string, readonly string[]>> = {
  'auth User': ['id', 'displayName', 'role', 'createdAt'],
};

function readSchema(subgraph: string): GraphQLSchema {
  const folder = new URL(`../../../subgraphs/${subgraph}/src/`, import.meta.url);
  const sdl = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.graphql'))
    .map((file) => readFileSync(new URL(file, folder), 'utf8'));
  const { definitions } = parse(sdl.join('\n'));
  const document: DocumentNode = { kind: Kind.DOCUMENT, definitions };
  const roots = parse('type Query type Mutation type Subscription');
  return extendSchema(buildASTSchema(roots, { assumeValidSDL: true }), document, { assumeValidSDL: true });
}

function maxAgeOf(directives: readonly DirectiveNode[] = []): number | null {
  const [argument] = directives.find(({ name }) => name.value === 'cacheControl')?.arguments ?? [];
  return argument?.value.kind === Kind.INT ? Number(argument.value.value) : null;
}

const hintOf = (type: GraphQLObjectType) =>
  maxAgeOf([type.astNode, ...type.extensionASTNodes].flatMap((node) => node?.directives ?? []));

describe.each(SUBGRAPHS)('the SDL of %s', (subgraph) => {
  const schema = readSchema(subgraph);
  const types = Object.values(schema.getTypeMap()).filter(isObjectType);

  it('lets nothing be kept but what is the same for everybody', () => {
    for (const type of types) {
      const age = hintOf(type) ?? 0;
      const kept = Object.values(type.getFields())
        .filter(({ astNode }) => (maxAgeOf(astNode?.directives) ?? age) > 0)
        .map(({ name }) => name);
      expect([type.name, kept]).toEqual([type.name, FOR_EVERYBODY[`${subgraph} ${type.name}`] ?? []]);
    }
  });

  it('says of every field of an operation whether it may be kept, where its type would say yes', () => {
    for (const root of [schema.getQueryType(), schema.getMutationType()])
      for (const field of Object.values(root?.getFields() ?? {})) {
        const type = getNamedType(field.type);
        if (isObjectType(type) && (hintOf(type) ?? 0) > 0)
          expect([field.name, maxAgeOf(field.astNode?.directives)]).toEqual([field.name, 0]);
      }
  });
});

describe('what may be kept', () => {
  it('is looked for where it is', () => {
    const user = readSchema('auth').getType('User');
    expect(isObjectType(user) && hintOf(user)).toBe(60);
  });
});
