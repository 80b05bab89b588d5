/** Of a fetch, asks for a trace of its fields (Apollo Federation, "ftv1"). */
export const INCLUDE_TRACE_HEADER = 'apollo-federation-include-trace';

/** One request to a subgraph, as it is reported. */
export class TracedFetch {
  /** `process.hrtime`. */
  readonly sentAt = process.hrtime();
  /** Milliseconds since the epoch. */
  readonly sentTime = Date.now();
  /** The same; null while nothing has come. */
  receivedTime: number | null = null;
  /** The trace as it came, undefined without one. */
  ftv1: unknown = undefined;

  /** @param body of an answer that was made for this request; null where the request that it was made for tells its trace */
  receive(body: unknown): void {
    this.receivedTime = Date.now();
    const { extensions } = (body ?? {}) as { readonly extensions?: { readonly ftv1?: unknown } | null };
    this.ftv1 = extensions?.ftv1;
  }
}

/** What one step of a plan has sent to its subgraph: mostly one request, none where everything was kept. */
export class TracedStep {
  readonly fetches: TracedFetch[] = [];

  begin(): TracedFetch {
    const fetch = new TracedFetch();
    this.fetches.push(fetch);
    return fetch;
  }
}

/** Collects what subgraphs tell of how long their fields took, by the steps of one run of a plan. */
export class FieldTraces {
  readonly #steps = new Map<object, TracedStep>();

  /** @param key the step */
  of(key: object): TracedStep {
    let step = this.#steps.get(key);
    if (!step) this.#steps.set(key, (step = new TracedStep()));
    return step;
  }
}
