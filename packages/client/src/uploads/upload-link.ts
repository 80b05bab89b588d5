import { ApolloLink } from '@apollo/client';
import {
  defaultPrinter,
  fallbackHttpConfig,
  parseAndCheckHttpResponse,
  selectHttpOptionsAndBodyInternal,
} from '@apollo/client/link/http';
import { ClientAwarenessLink } from '@apollo/client/link/client-awareness';
import { Observable } from 'rxjs';
import { findFiles } from './find-files.js';
import { sendBody, type OnProgress } from './send-body.js';

/** What the context of an operation may say of its files. */
export interface UploadContext {
  /** Told while the body is sent, with its bytes: the files and what stands around them. */
  readonly onUploadProgress?: OnProgress;
}

export interface UploadLinkOptions {
  readonly uri: string;
  /** `include` where cookies go to the gateway, too. */
  readonly credentials?: 'include';
}

/** Whether an operation has files among its variables. */
export function hasFiles({ variables }: Pick<ApolloLink.Operation, 'variables'>): boolean {
  return findFiles(variables).files.size > 0;
}

/**
 * Sends operations with files as GraphQL multipart requests (github.com/jaydenseric/graphql-multipart-request-spec).
 *
 * In browsers progress is told by `context.onUploadProgress`. A caller that unsubscribes, or aborts `context.fetchOptions.signal`,
 * ends the upload.
 */
export function createUploadLink({ uri, credentials }: UploadLinkOptions): ApolloLink {
  const terminal = new ApolloLink((operation) => {
    const context = operation.getContext() as UploadContext & {
      http?: object;
      headers?: Record<string, string>;
      fetchOptions?: { signal?: AbortSignal };
    };
    const { options, body } = selectHttpOptionsAndBodyInternal(
      operation,
      defaultPrinter,
      fallbackHttpConfig,
      { http: { includeExtensions: true }, credentials },
      // With its text at once: a file would be sent twice where only the hash is not known.
      { http: { ...context.http, includeQuery: true }, options: context.fetchOptions, headers: context.headers ?? {} },
    );
    const { variables, files } = findFiles(operation.variables);
    const form = new FormData();
    form.append('operations', JSON.stringify({ ...body, variables }));
    form.append(
      'map',
      JSON.stringify(Object.fromEntries([...files.keys()].map((path, at) => [at, [`variables.${path}`]]))),
    );
    [...files.values()].forEach((file, at) => form.append(String(at), file));
    // The browser says the type, with the boundary between the parts.
    const { 'content-type': _type, ...headers } = options.headers ?? {};

    return new Observable((observer) => {
      const abort = new AbortController();
      const outer = context.fetchOptions?.signal;
      const leave = () => abort.abort(outer?.reason);
      if (outer?.aborted) leave();
      outer?.addEventListener('abort', leave, { once: true });
      sendBody(uri, form, {
        method: 'POST',
        // Without it the gateway takes the request for one that a form of a foreign page could send.
        headers: { ...headers, 'apollo-require-preflight': 'true' },
        credentials: credentials === 'include',
        signal: abort.signal,
        onProgress: context.onUploadProgress,
      })
        .then((response) => {
          operation.setContext({ response });
          return parseAndCheckHttpResponse(operation)(response) as Promise<ApolloLink.Result>;
        })
        .then((result) => {
          observer.next(result);
          observer.complete();
        })
        .catch((error: unknown) => observer.error(error))
        .finally(() => outer?.removeEventListener('abort', leave));
      return () => abort.abort();
    });
  });
  return ApolloLink.from([new ClientAwarenessLink(), terminal]);
}
