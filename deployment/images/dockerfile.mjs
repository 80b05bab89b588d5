import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { DockerfileParser } = createRequire(import.meta.url)('dockerfile-ast');

/**
 * @typedef {object} Stage
 * @property {string} name
 * @property {string} base another stage, or an image with its version
 * @property {ReadonlyArray<Step>} steps
 */

/**
 * @typedef {{ kind: 'workdir' | 'user', value: string, line: number }
 *   | { kind: 'copy', from: string | null, parents: boolean, sources: string[], target: string, line: number }
 *   | { kind: 'run', command: string, line: number }
 *   | { kind: 'env', values: Record<string, string>, line: number }
 *   | { kind: 'entrypoint' | 'cmd' | 'healthcheck', words: string[], line: number }
 *   | { kind: 'expose', ports: number[], line: number }
 *   | { kind: 'volume', folders: string[], line: number }} Step
 */

/**
 * Reads the stages of a Dockerfile in the form that this project's has: what it does not know it refuses, so that no step is passed
 * over in silence.
 *
 * @returns {Stage[]}
 * @throws when a line cannot be understood
 */
export function readDockerfile(file) {
  const parsed = DockerfileParser.parse(readFileSync(file, 'utf8'));
  const variables = new Map();
  /** @type {Stage[]} */
  const stages = [];
  for (const instruction of parsed.getInstructions()) {
    const keyword = instruction.getKeyword();
    const line = instruction.getRange().start.line + 1;
    if (keyword === 'ARG') {
      const property = instruction.getProperty();
      variables.set(property.getName(), property.getValue());
    } else if (keyword === 'FROM') {
      const base = instruction.getImage().replace(/\$\{(\w+)\}/g, (_whole, name) => variables.get(name) ?? '');
      stages.push({ name: instruction.getBuildStage() ?? '', base, steps: [] });
    } else {
      const stage = stages.at(-1);
      if (!stage) throw new Error(`Dockerfile, line ${line}: ${keyword} comes before FROM.`);
      stage.steps.push({ ...readStep(instruction, keyword, line), line });
    }
  }
  return stages;
}

function readStep(instruction, keyword, line) {
  const words = () => instruction.getArguments().map((argument) => argument.getValue());
  switch (keyword) {
    case 'WORKDIR':
    case 'USER':
      return { kind: keyword.toLowerCase(), value: words()[0] };
    case 'COPY': {
      const from = instruction.getFromFlag()?.getValue() ?? null;
      const parents = instruction.getFlags().some((flag) => flag.getName() === 'parents');
      const places = words();
      return { kind: 'copy', from, parents, sources: places.slice(0, -1), target: places.at(-1) };
    }
    case 'RUN':
      return { kind: 'run', command: words().join(' ') };
    case 'ENV':
      return {
        kind: 'env',
        values: Object.fromEntries(instruction.getProperties().map((one) => [one.getName(), one.getValue()])),
      };
    case 'EXPOSE':
      return { kind: 'expose', ports: words().map(Number) };
    case 'VOLUME':
      return { kind: 'volume', folders: words() };
    case 'ENTRYPOINT':
    case 'CMD':
      return { kind: keyword.toLowerCase(), words: jsonWords(instruction, keyword, line) };
    case 'HEALTHCHECK':
      return { kind: 'healthcheck', words: jsonWords(instruction, keyword, line) };
    default:
      throw new Error(`Dockerfile, line ${line}: ${keyword} is not known to this reader.`);
  }
}

/** Only the form of a JSON array runs without a shell, which would keep signals from the process. */
function jsonWords(instruction, keyword, line) {
  const text = instruction.getArgumentsContent()?.replace(/\\\n\s*/g, '') ?? '';
  const start = text.indexOf('[');
  try {
    return JSON.parse(text.slice(start));
  } catch (cause) {
    throw new Error(`Dockerfile, line ${line}: ${keyword} is no JSON array.`, { cause });
  }
}
