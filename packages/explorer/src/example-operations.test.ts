import { describe, expect, it } from '@jest/globals';
import { readExampleOperations } from './example-operations.js';

const TEXT = `# A file of operations.

# ---------- tasks (task subgraph) ----------

# The main job:
# one task with all of it.
query TaskWithMedia($id: ID!) { task(id: $id) { id } }
mutation DeleteTask($id: ID!) { deleteTask(id: $id) { taskId } } # for good

# ---------- media ----------
fragment Names on Media { filename }
subscription MediaProcessed { mediaProcessed { id } }
`;

describe('example operations', () => {
  it('have their text, their section and what stands above them', () => {
    expect(readExampleOperations(TEXT)).toEqual([
      {
        name: 'TaskWithMedia',
        type: 'query',
        text: 'query TaskWithMedia($id: ID!) { task(id: $id) { id } }',
        comment: 'The main job: one task with all of it.',
        section: 'tasks (task subgraph)',
      },
      {
        name: 'DeleteTask',
        type: 'mutation',
        text: 'mutation DeleteTask($id: ID!) { deleteTask(id: $id) { taskId } }',
        comment: '',
        section: 'tasks (task subgraph)',
      },
      {
        name: 'MediaProcessed',
        type: 'subscription',
        text: 'subscription MediaProcessed { mediaProcessed { id } }',
        comment: '',
        section: 'media',
      },
    ]);
  });

  it('are none in an empty text', () => {
    expect(readExampleOperations('\n')).toEqual([]);
  });
});
