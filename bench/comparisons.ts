import type { Contestant } from './contestant.ts'

/** A contestant with one kind of request. */
export interface Entry {
  name: string
  contestant: Contestant
  request: BenchRequest
}

/** One kind of request. */
export interface BenchRequest {
  method: 'GET' | 'POST'
  path: string
  credentials: 'admin' | 'valid token' | 'wrong token' | 'malformed token'
  /** The status that the response must have. */
  status: 200 | 401
  /** Requests under way at once. */
  concurrency: number
}

/** Entries measured side by side, and how the one named `plugin` is compared with others. */
export interface Group {
  title: string
  entries: Entry[]
  comparisons: Comparison[]
}

/**
 * Compares the CPU time of `plugin` with that of another entry: as the other's divided by the
 * plugin's, or as the microseconds that the plugin takes over it.
 */
export interface Comparison {
  to: string
  as: 'ratio' | 'microseconds over'
  /** At least this ratio, or at most these microseconds. */
  goal?: number
}

const generate: BenchRequest = {
  method: 'POST',
  path: '/api/admin/scim-settings/generate-new-token',
  credentials: 'admin',
  status: 200,
  concurrency: 1
}

const verify: BenchRequest = {
  method: 'GET',
  path: '/scim/v2/Users',
  credentials: 'valid token',
  status: 200,
  concurrency: 1
}
const verifyWrong: BenchRequest = { ...verify, credentials: 'wrong token', status: 401 }
const verifyMalformed: BenchRequest = { ...verify, credentials: 'malformed token', status: 401 }

const unchecked = { module: './contestants/unchecked.js' }
const bearerAuth = { module: './peers/bearer-auth.js' }
const betterAuth = (job: 'generate' | 'verify') => ({ module: './peers/better-auth.js', setup: { job } })

/** What needs neither a database nor a network, with a resolver and a store that return promises. */
export const withPromises: Group[] = [
  {
    title: 'generate',
    entries: [
      { name: 'plugin', contestant: plugin(), request: generate },
      { name: 'plugin, no time limit', contestant: plugin({ timeout: 0 }), request: generate },
      { name: 'by hand', contestant: byHand(), request: generate },
      { name: 'node:http by hand', contestant: { module: './contestants/node-http.js' }, request: generate },
      { name: 'Express 5', contestant: { module: './peers/express.js' }, request: generate },
      { name: 'better-auth rotation', contestant: betterAuth('generate'), request: generate }
    ],
    comparisons: [
      { to: 'by hand', as: 'ratio', goal: 0.75 },
      { to: 'by hand', as: 'microseconds over' },
      { to: 'node:http by hand', as: 'ratio' },
      { to: 'Express 5', as: 'ratio' },
      { to: 'better-auth rotation', as: 'ratio' }
    ]
  },
  {
    title: 'verify, valid',
    entries: [
      { name: 'plugin', contestant: plugin(), request: verify },
      { name: 'plugin, no time limit', contestant: plugin({ timeout: 0 }), request: verify },
      { name: 'by hand', contestant: byHand(), request: verify },
      { name: 'no check', contestant: unchecked, request: verify },
      { name: '@fastify/bearer-auth', contestant: bearerAuth, request: verify },
      { name: 'better-auth', contestant: betterAuth('verify'), request: { ...verify, path: '/api/auth/scim/v2/Users?count=1' } }
    ],
    comparisons: [
      { to: 'no check', as: 'microseconds over', goal: 2.8 },
      { to: 'by hand', as: 'ratio', goal: 0.78 },
      { to: '@fastify/bearer-auth', as: 'ratio' },
      { to: 'better-auth', as: 'ratio' }
    ]
  },
  {
    title: 'verify, wrong',
    entries: [
      { name: 'plugin', contestant: plugin(), request: verifyWrong },
      { name: 'by hand', contestant: byHand(), request: verifyWrong },
      { name: '@fastify/bearer-auth', contestant: bearerAuth, request: verifyWrong }
    ],
    comparisons: [
      { to: '@fastify/bearer-auth', as: 'ratio', goal: 0.9 },
      { to: 'by hand', as: 'ratio' }
    ]
  },
  {
    title: 'verify, malformed',
    entries: [
      { name: 'plugin', contestant: plugin(), request: verifyMalformed },
      { name: '@fastify/bearer-auth', contestant: bearerAuth, request: verifyMalformed },
      { name: 'no check', contestant: unchecked, request: { ...verifyMalformed, status: 200 } }
    ],
    comparisons: [
      { to: '@fastify/bearer-auth', as: 'ratio', goal: 1.1 },
      { to: 'no check', as: 'microseconds over' }
    ]
  }
]

/** The same with a resolver and a store that return plain values. */
export const withoutPromises: Group[] = withPromises.slice(0, 3).map(({ title, entries }) => ({
  title,
  entries: entries
    .filter(({ name }) => name === 'plugin' || name === 'by hand')
    .map((entry) => ({ ...entry, contestant: { ...entry.contestant, setup: { promises: false } } })),
  comparisons: [{ to: 'by hand', as: 'ratio' }]
}))

/** The plugin with its PostgreSQL store against the same statements in a handler by hand, prepared or not. */
export function onPostgres (url: string, choices: boolean[]): Group[] {
  return choices.flatMap((preparedStatements) => [verify, generate].map((request): Group => ({
    title: `PostgreSQL${preparedStatements ? ', prepared statements' : ''}: ${request === verify ? 'verify' : 'generate'}`,
    entries: [false, true].map((byHand) => ({
      name: byHand ? 'by hand' : 'plugin',
      contestant: { module: './contestants/postgres.js', setup: { url, byHand, preparedStatements } },
      request
    })),
    comparisons: [{ to: 'by hand', as: 'ratio', goal: 0.95 }]
  })))
}

/** The same group with only the comparisons that have a goal, and the entries that they need. */
export function goalsOnly (group: Group): Group {
  const comparisons = group.comparisons.filter(({ goal }) => goal !== undefined)
  const needed = new Set(['plugin', ...comparisons.map(({ to }) => to)])
  return { ...group, comparisons, entries: group.entries.filter(({ name }) => needed.has(name)) }
}

/** The entries whose CPU time and allocations are profiled. */
export const profiled: Entry[] = withPromises.map(({ title, entries }) => ({ ...entries[0]!, name: title }))

function plugin (setup: { timeout?: number } = {}): Contestant {
  return { module: './contestants/plugin.js', setup }
}

function byHand (): Contestant {
  return { module: './contestants/by-hand.js' }
}
