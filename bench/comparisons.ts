/** One kind of request. */
export interface BenchRequest {
  method: 'GET' | 'POST'
  url: string
  credentials: 'admin' | 'valid token' | 'wrong token' | 'malformed token'
  /** Requests under way at once. */
  concurrency: number
}

/** What is measured of one request, on average: microseconds of CPU time and of elapsed time, and SQL statements. */
export type Measured = Record<'cpu' | 'elapsed' | 'statements', number>

/** Contestants that are measured side by side, the plugin and others. */
export interface Group {
  title: string
  request: BenchRequest
  /** The status that the plugin responds with, and all others except `no check`. */
  status: 200 | 401
  others: readonly string[]
  compared: readonly ('cpu' | 'elapsed')[]
  onPostgres: boolean
  /** Requests before the first window. Those that wait for a database are few a second, and optimized late. */
  warmUp: number
  /** Requests in a window. */
  window: number
}

const get = { method: 'GET', url: '/scim/v2/Users', concurrency: 1 } as const
const generate = { method: 'POST', url: '/api/admin/scim-settings/generate-new-token', credentials: 'admin', concurrency: 1 } as const
const inMemory = { onPostgres: false, compared: ['cpu'], warmUp: 30_000, window: 2000 } as const
const onPostgres = { onPostgres: true, compared: ['cpu'], status: 200, others: ['by hand'], warmUp: 7000, window: 300 } as const

export const groups: Group[] = [
  { title: 'valid token', request: { ...get, credentials: 'valid token' }, status: 200, others: ['no check', 'by hand', 'bearer-auth', 'bearer-auth with a timer', 'bearer-auth with p-timeout'], ...inMemory },
  { title: 'wrong token', request: { ...get, credentials: 'wrong token' }, status: 401, others: ['by hand', 'bearer-auth', 'bearer-auth with a timer'], ...inMemory },
  { title: 'malformed token', request: { ...get, credentials: 'malformed token' }, status: 401, others: ['by hand', 'bearer-auth', 'bearer-auth with a timer'], ...inMemory },
  { title: 'generate', request: generate, status: 200, others: ['by hand'], ...inMemory, warmUp: 10_000, window: 750 },
  { title: 'PostgreSQL: valid token', request: { ...get, credentials: 'valid token' }, ...onPostgres },
  { title: 'PostgreSQL: generate', request: generate, ...onPostgres, compared: ['cpu', 'elapsed'] },
  ...[20, 200].map((concurrency): Group => ({
    title: `PostgreSQL: ${concurrency} generate requests at once`, request: { ...generate, concurrency }, ...onPostgres, compared: ['elapsed'], warmUp: 1500, window: 400
  }))
]
