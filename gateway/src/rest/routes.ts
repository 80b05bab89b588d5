/** Where a value goes in the variables of an operation: `id`, `input.taskId`. */
export type Place = string;

/** How a parameter of the query string is read. */
export interface QueryParameter {
  readonly place: Place;
  readonly description: string;
  /** Of enums: whether a URL has its values in small letters. */
  readonly inSmallLetters?: boolean;
  readonly default?: string;
  /** What stands for null. */
  readonly none?: string;
  /** Of numbers: the least and the greatest. */
  readonly range?: readonly [number, number];
}

export interface Route {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below `/api`, as Fastify writes it. */
  readonly path: string;
  /** Of `rest.graphql`. */
  readonly operation: string;
  readonly tag: 'auth' | 'tasks' | 'media';
  readonly summary: string;
  /** Of success. */
  readonly status: 200 | 201 | 204;
  /** Of the path. */
  readonly parameters?: Readonly<Record<string, Place>>;
  readonly query?: Readonly<Record<string, QueryParameter>>;
  /** What the body is: the variable `input`, all variables that nothing else brings, or a form with a file. */
  readonly body?: 'input' | 'variables' | 'form';
  /** Members of the result that lead to what is answered. */
  readonly answer: readonly string[];
  /** Whether it takes no credentials. */
  readonly isPublic?: boolean;
  /** Where the version goes that `If-Match` names. */
  readonly version?: Place;
  /** Whether the answer is a task, whose version is its tag. */
  readonly isTagged?: boolean;
  /** Whether `If-Match` and `If-None-Match` are held against the task that the route is of. */
  readonly isConditional?: boolean;
  /** Where the answer has a list; the path to it, empty for the answer itself. */
  readonly list?: readonly string[];
  /** Where what was created can be read. */
  readonly location?: string;
  /** The bytes at this member of the answer are sent in the place of it. */
  readonly file?: readonly string[];
}

const FIRST: QueryParameter = { place: 'first', description: '0 to 100, 20 if absent.', range: [0, 100] };
const AFTER: QueryParameter = { place: 'after', description: '`pageInfo.endCursor` of the page before.' };
const TASK = { parameters: { id: 'id' }, tag: 'tasks' } as const;

/** What the façade serves. The router and the OpenAPI document are made of this and of the operations' selections. */
export const ROUTES: readonly Route[] = [
  {
    method: 'POST',
    path: '/auth/register',
    operation: 'Register',
    tag: 'auth',
    summary: 'Opens an account and a first session.',
    status: 201,
    body: 'input',
    answer: ['register'],
    isPublic: true,
  },
  {
    method: 'POST',
    path: '/auth/login',
    operation: 'Login',
    tag: 'auth',
    summary: 'Opens a session. With a second factor, the problem holds the challenge for `/auth/complete-login`.',
    status: 200,
    body: 'input',
    answer: ['login'],
    isPublic: true,
  },
  {
    method: 'POST',
    path: '/auth/complete-login',
    operation: 'CompleteLogin',
    tag: 'auth',
    summary: 'Opens the session of a login that needs a second factor.',
    status: 200,
    body: 'input',
    answer: ['completeLogin'],
    isPublic: true,
  },
  {
    method: 'POST',
    path: '/auth/refresh',
    operation: 'RefreshSession',
    tag: 'auth',
    summary: 'Exchanges a refresh token for a new pair.',
    status: 200,
    body: 'variables',
    answer: ['refreshSession'],
    isPublic: true,
  },
  {
    method: 'POST',
    path: '/auth/verify',
    operation: 'VerifyToken',
    tag: 'auth',
    summary: 'Tells whether an access token is good.',
    status: 200,
    body: 'variables',
    answer: ['verifyToken'],
    isPublic: true,
  },
  {
    method: 'GET',
    path: '/auth/profile',
    operation: 'Me',
    tag: 'auth',
    summary: 'The user who is signed in.',
    status: 200,
    answer: ['me'],
  },
  {
    method: 'GET',
    path: '/tasks',
    operation: 'Tasks',
    tag: 'tasks',
    summary: 'The tasks that you may see, the last changed first unless another order is asked for.',
    status: 200,
    query: {
      status: { place: 'filter.status', description: 'One of these.' },
      priority: { place: 'filter.priority', description: 'One of these.' },
      label: { place: 'filter.label', description: 'All of these.' },
      assignee: {
        place: 'filter.assigneeId',
        description: "A user's id, or `none` for tasks that nobody is assigned to.",
        none: 'none',
      },
      search: { place: 'filter.search', description: 'Text in the title or the description; at most 200 characters.' },
      sort: { place: 'orderBy', description: 'What the list is sorted by; with `-`, the greatest first.' },
      first: FIRST,
      after: AFTER,
    },
    answer: ['tasks'],
    list: [],
  },
  {
    method: 'POST',
    path: '/tasks',
    operation: 'CreateTask',
    tag: 'tasks',
    summary: 'Creates a task that you own.',
    status: 201,
    body: 'input',
    answer: ['createTask', 'task'],
    isTagged: true,
    location: '/tasks/',
  },
  {
    ...TASK,
    method: 'GET',
    path: '/tasks/:id',
    operation: 'Task',
    summary: 'A task.',
    status: 200,
    answer: ['task'],
    isTagged: true,
    isConditional: true,
  },
  {
    ...TASK,
    method: 'PATCH',
    path: '/tasks/:id',
    operation: 'UpdateTask',
    parameters: { id: 'input.id' },
    summary: 'Changes a task, if it is still in the version that `If-Match` names. Absent members stay; null clears.',
    status: 200,
    body: 'input',
    answer: ['updateTask', 'task'],
    version: 'input.expectedVersion',
    isTagged: true,
    isConditional: true,
  },
  {
    ...TASK,
    method: 'DELETE',
    path: '/tasks/:id',
    operation: 'DeleteTask',
    summary: 'Deletes a task and its attachments; the media stay.',
    status: 204,
    answer: ['deleteTask'],
    isConditional: true,
  },
  {
    ...TASK,
    method: 'GET',
    path: '/tasks/:id/with-media',
    operation: 'TaskWithMedia',
    summary: 'A task with its media, in the order in which they were attached.',
    status: 200,
    query: { first: FIRST, after: AFTER },
    answer: ['task'],
    list: ['media'],
  },
  {
    ...TASK,
    method: 'POST',
    path: '/tasks/:id/attach-media',
    operation: 'AttachMedia',
    parameters: { id: 'input.taskId' },
    summary: 'Attaches media to a task, all or none.',
    status: 200,
    query: { first: FIRST, after: AFTER },
    body: 'input',
    answer: ['attachMedia', 'task'],
  },
  {
    method: 'POST',
    path: '/media/upload',
    operation: 'UploadMedia',
    tag: 'media',
    summary: 'Uploads an image: JPEG, PNG, WebP, GIF or AVIF. The file is the last field of the form.',
    status: 201,
    body: 'form',
    answer: ['uploadMedia', 'media'],
    location: '/media/',
  },
  {
    method: 'GET',
    path: '/media/:id',
    operation: 'Media',
    tag: 'media',
    summary: 'A media item.',
    parameters: { id: 'id' },
    status: 200,
    answer: ['media'],
  },
  {
    method: 'GET',
    path: '/media/:id/download',
    operation: 'MediaDownload',
    tag: 'media',
    summary: 'The file of a media item.',
    parameters: { id: 'id' },
    status: 200,
    answer: ['media'],
    file: ['url'],
  },
  {
    method: 'GET',
    path: '/media/:id/thumbnail',
    operation: 'MediaThumbnail',
    tag: 'media',
    summary: 'A smaller version of an image: AVIF to who accepts that, else WebP.',
    parameters: { id: 'id' },
    query: {
      size: {
        place: 'size',
        description: '160, 480 or 1280 pixels on the longer side.',
        inSmallLetters: true,
        default: 'medium',
      },
    },
    status: 200,
    answer: ['media'],
    file: ['thumbnail', 'url'],
  },
];
