import { ApolloProvider } from '@apollo/client/react';
import { useSyncExternalStore } from 'react';
import { createRoot } from 'react-dom/client';
import { apollo, session } from './client.js';
import { Login } from './login.js';
import { TaskList } from './task-list.js';

function App() {
  const userId = useSyncExternalStore(session.onChange, () => session.userId);
  return userId === null ? <Login /> : <TaskList />;
}

createRoot(document.getElementById('root') as HTMLElement).render(
  <ApolloProvider client={apollo}>
    <App />
  </ApolloProvider>,
);
