import { describe, expect, it } from '@jest/globals';
import { print } from 'graphql';
import { askedOperation } from './asked-operation.js';

const nameIn = (text: string, editorsName?: string | null) => askedOperation(text, editorsName).operationName;

describe('the operation that is asked for', () => {
  it('is the one that was chosen, where the text has it', () => {
    expect(nameIn('query A { a } query B { b }', 'B')).toBe('B');
  });

  it('is the one that stands there, where the editor still names the one before', () => {
    expect(nameIn('query Me { me { id } }', 'Usage')).toBe('Me');
    expect(nameIn('query A { a } query B { b }', 'Usage')).toBe('A');
  });

  it('has no name where it is written without one', () => {
    for (const before of ['Usage', null, undefined])
      expect(askedOperation('{ me { id } }', before)).not.toHaveProperty('operationName');
  });

  it('comes with the document that is sent, not with the one before', () => {
    const { document } = askedOperation('subscription TaskChanged { taskChanged { kind } }', 'Usage');
    expect(document && print(document)).toContain('subscription TaskChanged');
  });

  it('is left to the gateway to judge where the text is none', () => {
    for (const text of ['', 'query Me {', 'fragment', '\u0000']) expect(askedOperation(text, 'Usage')).toEqual({});
  });
});
