/** One statement of a script. */
export interface SqlStatement {
  /** Without the semicolon, and without comments before it. */
  readonly text: string;
  /** Where it begins: lines count from 1. */
  readonly line: number;
  /** Its first words in upper case, comments and quoted text left out, such as `CREATE UNIQUE INDEX CONCURRENTLY`. */
  readonly head: string;
}

/** How many words are enough to tell what a statement does. */
const HEAD_WORDS = 8;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;

/**
 * Splits a script at its semicolons as psql does: not in strings, quoted names, dollar quotes, comments (they nest) or
 * the body of an SQL-standard function (BEGIN ATOMIC … END).
 */
export function splitStatements(script: string): SqlStatement[] {
  const statements: SqlStatement[] = [];
  let start = -1;
  let words: string[] = [];
  let parentheses = 0;
  let bodyDepth = 0;
  let position = 0;

  const finish = (end: number) => {
    if (start >= 0) {
      statements.push({
        text: script.slice(start, end).trimEnd(),
        line: lineAt(script, start),
        head: words.slice(0, HEAD_WORDS).join(' '),
      });
    }
    start = -1;
    words = [];
    parentheses = 0;
    bodyDepth = 0;
  };

  while (position < script.length) {
    const character = script[position] as string;
    const afterComment = skipComment(script, position);
    if (afterComment > position) {
      position = afterComment;
      continue;
    }
    if (/\s/.test(character)) {
      position += 1;
      continue;
    }
    if (character === ';' && parentheses === 0 && bodyDepth === 0) {
      finish(position);
      position += 1;
      continue;
    }
    if (start < 0) start = position;
    const afterQuoted = skipQuoted(script, position);
    if (afterQuoted > position) {
      position = afterQuoted;
      continue;
    }
    WORD.lastIndex = position;
    const word = WORD.exec(script)?.[0];
    if (word !== undefined) {
      const upper = word.toUpperCase();
      if (words[0] === 'CREATE' && parentheses === 0) bodyDepth = depthAfter(bodyDepth, words.at(-1), upper);
      words.push(upper);
      position += word.length;
      continue;
    }
    if (character === '(') parentheses += 1;
    if (character === ')') parentheses = Math.max(0, parentheses - 1);
    position += 1;
  }
  finish(script.length);
  return statements;
}

/** `BEGIN ATOMIC` opens a body; in it `CASE` and `BEGIN` nest, and `END` closes. */
function depthAfter(depth: number, previous: string | undefined, word: string): number {
  if (depth === 0) return previous === 'BEGIN' && word === 'ATOMIC' ? 1 : 0;
  if (word === 'CASE' || word === 'BEGIN') return depth + 1;
  return word === 'END' ? depth - 1 : depth;
}

function skipComment(script: string, position: number): number {
  if (script.startsWith('--', position)) {
    const end = script.indexOf('\n', position);
    return end < 0 ? script.length : end + 1;
  }
  if (!script.startsWith('/*', position)) return position;
  let depth = 0;
  for (let at = position; at < script.length;) {
    if (script.startsWith('/*', at)) {
      depth += 1;
      at += 2;
    } else if (script.startsWith('*/', at)) {
      depth -= 1;
      at += 2;
      if (depth === 0) return at;
    } else {
      at += 1;
    }
  }
  return script.length;
}

function skipQuoted(script: string, position: number): number {
  const character = script[position];
  if (character === '"') return skipUntil(script, position + 1, '"', false);
  if (character === "'")
    return skipUntil(
      script,
      position + 1,
      "'",
      /(^|[^A-Za-z0-9_$])[eE]$/.test(script.slice(Math.max(0, position - 2), position)),
    );
  if (character !== '$' || /[A-Za-z0-9_]/.test(script[position - 1] ?? '')) return position;
  DOLLAR_TAG.lastIndex = position;
  const tag = DOLLAR_TAG.exec(script)?.[0];
  if (tag === undefined) return position;
  const end = script.indexOf(tag, position + tag.length);
  return end < 0 ? script.length : end + tag.length;
}

function skipUntil(script: string, position: number, quote: string, backslashes: boolean): number {
  for (let at = position; at < script.length; at += 1) {
    if (backslashes && script[at] === '\\') at += 1;
    else if (script[at] === quote) {
      if (script[at + 1] !== quote) return at + 1;
      at += 1;
    }
  }
  return script.length;
}

export function lineAt(script: string, position: number): number {
  let line = 1;
  for (let at = script.indexOf('\n'); at >= 0 && at < position; at = script.indexOf('\n', at + 1)) line += 1;
  return line;
}
