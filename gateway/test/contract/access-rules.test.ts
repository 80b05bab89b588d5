import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { findFaults, readRules } from '../../../scripts/access-rules.mjs';

const supergraph = readFileSync(new URL('../../supergraph.graphql', import.meta.url), 'utf8');
const page = readFileSync(new URL('../../../docs/access.md', import.meta.url), 'utf8');
const faultsOf = (markdown: string, sdl = supergraph) => findFaults(readRules(markdown), sdl);

describe('docs/access.md', () => {
  it('says of every field who gets what', () => {
    expect(faultsOf(page)).toEqual([]);
  });

  it('fails without a rule for a field that is new, and says where it goes', () => {
    const grown = supergraph.replace(/(type Mutation\n[^{]*\{)/, '$1\n  resign: Boolean @join__field(graph: AUTH)\n');
    expect(faultsOf(page, grown)).toEqual([
      expect.stringMatching(/^Mutation\.resign has no rule: .* below "### Mutation", .*\n {4}\| resign \|/),
    ]);
    const added = supergraph.replace(/(type User\n[^{]*\{)/, '$1\n  phone: String @join__field(graph: AUTH)\n');
    expect(faultsOf(page, added)).toEqual([
      expect.stringContaining('User.phone has no rule'),
      expect.stringContaining('User at auth.phone has no rule'),
    ]);
  });

  it('fails without a rule for a root field that clients do not see', () => {
    const grown = supergraph.replace(
      /(type Query\n[^{]*\{)/,
      '$1\n  secret: Boolean @inaccessible @join__field(graph: AUTH)\n',
    );
    expect(faultsOf(page, grown)).toEqual([
      expect.stringMatching(/^Query at auth\.secret has no rule: .* below "### Query at auth"/),
    ]);
  });

  it('fails with a rule for a field that is gone, with two for one, and with one that cannot be read', () => {
    const row = '| me | UNAUTHENTICATED | value | value | value | value | value |\n';
    expect(faultsOf(page.replace(row, row + row.replace('me', 'you')))).toEqual([
      expect.stringMatching(/there is no Query\.you: remove its rule/),
    ]);
    expect(faultsOf(page.replace(row, row + row))).toEqual([expect.stringContaining('Query.me has a rule already')]);
    expect(faultsOf(page.replace(row, row.replace('UNAUTHENTICATED', 'perhaps')))).toEqual([
      expect.stringContaining('perhaps is no outcome'),
    ]);
    expect(faultsOf(page.replace(row, row.replace('| UNAUTHENTICATED ', '')))).toEqual([
      expect.stringContaining('has 5 outcomes'),
    ]);
  });

  it('takes no rule for whatever a type of somebody’s own may get', () => {
    const open = page.replace(/\| id, displayName, role, createdAt \|/, '| * |');
    expect(faultsOf(open)).toContainEqual(expect.stringContaining('each field of User has to be named'));
  });
});
