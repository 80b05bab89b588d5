import { describe, expect, it } from '@jest/globals';
import { createLog } from '../src/log.js';

const FORGED = '{"level":"info","msg":"login","userId":"somebody else"}';

describe('a log', () => {
  it.each(['\n', '\r\n', '\r'])('has one line for what was written once, whatever is in it: %j', (end) => {
    const lines: string[] = [];
    const log = createLog({ service: 'test', level: 'info', destination: { write: (line) => void lines.push(line) } });
    const text = `first${end}${FORGED}${end}`;
    log.child({ agent: text }).warn({ name: text, [text]: 1, err: new Error(text) }, text);
    expect(lines).toHaveLength(1);
    const [line = ''] = lines;
    expect(line.indexOf('\n')).toBe(line.length - 1);
    expect(line).not.toContain('\r');
    expect(JSON.parse(line)).toMatchObject({ level: 'warn', agent: text, name: text, [text]: 1, msg: text });
  });
});
