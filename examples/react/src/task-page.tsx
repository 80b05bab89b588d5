import { useMutation, useQuery, useSubscription } from '@apollo/client/react';
import { isProblem } from '@taskgraph/client';
import { MediaAttachedDocument, TaskWithMediaDocument, UpdateTaskDocument } from '@taskgraph/client/operations';
import { useState } from 'react';
import { Upload } from './upload.js';

/** A task with its pictures, and what happens to it while it is open. */
export function TaskPage({ id }: { readonly id: string }) {
  const [events, setEvents] = useState<string[]>([]);
  const { data, error, refetch } = useQuery(TaskWithMediaDocument, { variables: { id } });
  const [update, { data: updated }] = useMutation(UpdateTaskDocument);
  useSubscription(MediaAttachedDocument, {
    variables: { taskId: id },
    onData: ({ data: { data: heard } }) => {
      const { attachedBy, media } = heard?.mediaAttached ?? {};
      setEvents((known) => [...known, `${attachedBy?.displayName} attached ${media?.filename}`]);
      void refetch();
    },
  });
  const task = data?.task;
  if (error && !task) return <p role="alert">{error.message}</p>;
  if (!task) return <p>Loading</p>;

  /** Shown at once; taken back by the cache where somebody else was faster. */
  function finish() {
    if (!task) return;
    const done = { id, title: task.title, status: 'DONE' as const, priority: task.priority };
    void update({
      variables: { input: { id, expectedVersion: task.version, status: 'DONE' } },
      optimisticResponse: {
        updateTask: {
          __typename: 'UpdateTaskSuccess',
          task: { __typename: 'Task', ...done, version: task.version + 1, updatedAt: new Date().toISOString() },
        },
      },
    });
  }

  return (
    <section aria-label="Task">
      <h2>{task.title}</h2>
      <p>
        {task.status} <button onClick={finish}>Done</button>
      </p>
      {isProblem(updated?.updateTask) && <p role="alert">{updated.updateTask.message}</p>}
      <ul aria-label="Pictures">
        {task.media.edges.map(({ node }) => node && <li key={node.id}>{node.filename}</li>)}
      </ul>
      <Upload taskId={id} />
      <h3>While you are here</h3>
      <ul aria-label="Events">
        {events.map((event, at) => (
          <li key={at}>{event}</li>
        ))}
      </ul>
    </section>
  );
}
