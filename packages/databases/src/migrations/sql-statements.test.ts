import { describe, expect, it } from '@jest/globals';
import { splitStatements } from './sql-statements.js';

const texts = (script: string) => splitStatements(script).map(({ text }) => text);

describe('splitStatements', () => {
  it('cuts at semicolons and drops what is empty', () => {
    expect(texts('select 1; select 2 ;;\n select 3')).toEqual(['select 1', 'select 2', 'select 3']);
  });

  it('leaves strings, quoted names and dollar quotes whole', () => {
    const script = `select 'a;''b;'; select "x;""y;"; select E'\\';'; select $$a;b$$; select $tag$ $$;$$ ; $tag$; select 1`;
    expect(texts(script)).toEqual([
      `select 'a;''b;'`,
      `select "x;""y;"`,
      `select E'\\';'`,
      'select $$a;b$$',
      'select $tag$ $$;$$ ; $tag$',
      'select 1',
    ]);
  });

  it('does not take a backslash for an escape in a plain string', () => {
    expect(texts(`select 'a\\'; select 2`)).toEqual([`select 'a\\'`, 'select 2']);
  });

  it('skips comments, which nest', () => {
    expect(texts('-- a; b\nselect /* ; /* ; */ ; */ 1; /* end; */')).toEqual(['select /* ; /* ; */ ; */ 1']);
  });

  it('leaves the body of an SQL-standard function whole', () => {
    const create =
      'create function f() returns int begin atomic select case when true then 1 else 2 end; select 2; end';
    expect(texts(`${create}; select 1`)).toEqual([create, 'select 1']);
  });

  it('does not take positional parameters and identifiers with a dollar for dollar quotes', () => {
    expect(texts('select $1; select a$b$c; select 2')).toEqual(['select $1', 'select a$b$c', 'select 2']);
  });

  it('tells where a statement begins and what it does', () => {
    expect(splitStatements('-- first\n\nCreate /* x */ unique INDEX concurrently "a" on b(c);\nselect 1')).toEqual([
      {
        text: 'Create /* x */ unique INDEX concurrently "a" on b(c)',
        line: 3,
        head: 'CREATE UNIQUE INDEX CONCURRENTLY ON B C',
      },
      { text: 'select 1', line: 4, head: 'SELECT' },
    ]);
  });
});
