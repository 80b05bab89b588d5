import { useMutation, useQuery } from '@apollo/client/react';
import { LogoutDocument, TasksDocument } from '@taskgraph/client/operations';
import { useState } from 'react';
import { TaskPage } from './task-page.js';

const PAGE = 5;

/** Tasks, some at a time: the cache joins the pages. */
export function TaskList() {
  const [open, setOpen] = useState<string | null>(null);
  const [logout] = useMutation(LogoutDocument);
  const { data, error, fetchMore } = useQuery(TasksDocument, { variables: { first: PAGE } });
  const page = data?.tasks;

  return (
    <main>
      <h1>Tasks</h1>
      <button onClick={() => void logout()}>Log out</button>
      {error && <p role="alert">{error.message}</p>}
      <ul aria-label="Tasks">
        {page?.edges.map(({ node }) => (
          <li key={node.id}>
            <button onClick={() => setOpen(node.id)}>{node.title}</button> {node.status}
          </li>
        ))}
      </ul>
      <p>
        {page?.edges.length} of {page?.totalCount}{' '}
        {page?.pageInfo.hasNextPage && (
          <button onClick={() => void fetchMore({ variables: { after: page.pageInfo.endCursor } })}>More</button>
        )}
      </p>
      {open !== null && <TaskPage key={open} id={open} />}
    </main>
  );
}
