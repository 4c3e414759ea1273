import { generateToken } from '../lib/token.ts'
import type { Contestant } from './contestant.ts'

/** A contestant under one kind of request. */
export interface Entry {
  name: string
  contestant: Contestant
  request: BenchRequest
  connections: number
}

/** One kind of request. */
export interface BenchRequest {
  method: 'GET' | 'POST'
  path: string
  /** The header of this name, given a token that the contestant lets in. */
  authorization: (token: string) => string
  /** The status that must answer it. */
  status: 200 | 401
}

/** Entries measured side by side, and how they are to compare. */
export interface Group {
  title: string
  entries: Entry[]
  comparisons: Comparison[]
}

/** How many requests one entry answers for each of another's. */
export interface Comparison {
  of: string
  to: string
  atLeast?: number
}

const generate: BenchRequest = {
  method: 'POST',
  path: '/api/admin/scim-settings/generate-new-token',
  authorization: () => 'admin',
  status: 200
}

const verify: BenchRequest = {
  method: 'GET',
  path: '/scim/v2/Users',
  authorization: (token) => `Bearer ${token}`,
  status: 200
}

const betterAuthVerify = { ...verify, path: '/api/auth/scim/v2/Users?count=1' }

const stranger = generateToken()
const wrong = { authorization: () => `Bearer ${stranger}`, status: 401 } as const
// Its tokens have a format of their own.
const betterAuthWrong = { ...wrong, authorization: (token: string) => `Bearer ${token.slice(0, -4)}AAAA` }
const malformed = { authorization: () => 'Bearer nonsense', status: 401 } as const

const plugin: Contestant = { module: './contestants/plugin.js', setup: { timeout: 10_000 } }
const pluginWithoutLimit: Contestant = { module: './contestants/plugin.js', setup: { timeout: 0 } }
const inline: Contestant = { module: './contestants/inline.js' }
const inlineWithLimit: Contestant = { module: './contestants/inline.js', setup: { timeout: 10_000 } }
const unchecked: Contestant = { module: './contestants/unchecked.js' }
const nodeHttp: Contestant = { module: './contestants/node-http.js' }
const express: Contestant = { module: './peers/express.js' }
const bearerAuth: Contestant = { module: './peers/bearer-auth.js' }
const betterAuth: Contestant = { module: './peers/better-auth.js' }

/** The contestants whose requests are looked into one by one. */
export const profiled: Entry[] = [
  entry('generate', plugin, generate),
  entry('verify, valid token', plugin, verify),
  entry('verify, wrong token', plugin, { ...verify, ...wrong }),
  entry('verify, malformed token', plugin, { ...verify, ...malformed })
]

/** What needs no database. */
export const inMemory: Group[] = [
  {
    title: 'generate',
    entries: [
      entry('plugin', plugin, generate),
      entry('plugin, time limit off', pluginWithoutLimit, generate),
      entry('inlined by hand', inline, generate),
      entry('inlined by hand, time limit on', inlineWithLimit, generate),
      entry('node:http by hand', nodeHttp, generate),
      entry('Express 5', express, generate),
      entry('better-auth rotation', betterAuth, generate)
    ],
    comparisons: [
      { of: 'plugin', to: 'inlined by hand', atLeast: 0.9 },
      { of: 'plugin, time limit off', to: 'inlined by hand', atLeast: 0.97 },
      { of: 'plugin', to: 'inlined by hand, time limit on' },
      { of: 'plugin', to: 'node:http by hand' },
      { of: 'plugin', to: 'Express 5', atLeast: 5 },
      { of: 'plugin', to: 'better-auth rotation', atLeast: 5 }
    ]
  },
  verifyGroup('verify, valid token', {}, {}, [
    { of: 'plugin', to: '@fastify/bearer-auth', atLeast: 1 },
    { of: 'plugin', to: 'no check' },
    { of: 'plugin', to: 'inlined by hand' },
    { of: 'plugin', to: 'better-auth' }
  ]),
  verifyGroup('verify, wrong token', wrong, betterAuthWrong, [
    { of: 'plugin', to: '@fastify/bearer-auth', atLeast: 1.4 },
    { of: 'plugin', to: 'no check' },
    { of: 'plugin', to: 'inlined by hand' },
    { of: 'plugin', to: 'better-auth' }
  ]),
  verifyGroup('verify, malformed token', malformed, malformed, [
    { of: 'plugin', to: 'no check', atLeast: 0.85 },
    { of: 'plugin', to: '@fastify/bearer-auth' },
    { of: 'plugin', to: 'inlined by hand' },
    { of: 'plugin', to: 'better-auth' }
  ])
]

/** The same plugin on a PostgreSQL server, beside a handler with one trivial query. */
export function onPostgres (url: string, connections: number): Group {
  return {
    title: `PostgreSQL, ${connections} ${connections === 1 ? 'connection' : 'connections'}`,
    entries: [
      { name: 'select 1', contestant: { module: './contestants/select-one.js', setup: { url } }, request: verify, connections },
      { name: 'select $1', contestant: { module: './contestants/select-one.js', setup: { url, parameter: true } }, request: verify, connections },
      { name: 'generate', contestant: postgres(url, 'generate', 1), request: generate, connections },
      { name: 'verify', contestant: postgres(url, 'verify', 1), request: verify, connections },
      { name: 'generate, named statement', contestant: postgres(url, 'generate', 1, true), request: generate, connections },
      { name: 'verify, named statement', contestant: postgres(url, 'verify', 1, true), request: verify, connections }
    ],
    comparisons: [
      { of: 'generate', to: 'select 1', atLeast: 0.7 },
      { of: 'verify', to: 'select 1', atLeast: 0.9 },
      { of: 'generate', to: 'select $1' },
      { of: 'verify', to: 'select $1' },
      { of: 'generate, named statement', to: 'select 1' },
      { of: 'verify, named statement', to: 'select 1' }
    ]
  }
}

/** How many tenants there are in the tables. */
export const tenantCounts = [1, 100, 10_000]

/** The same requests with more and more tenants. */
export function byTenants (url: string): Group {
  const name = (job: string, tenants: number) => `${job}, ${tenants.toLocaleString('en')} ${tenants === 1 ? 'tenant' : 'tenants'}`
  return {
    title: 'PostgreSQL by tenants',
    entries: tenantCounts.flatMap((tenants) => [
      entry(name('generate', tenants), postgres(url, 'generate', tenants), generate),
      entry(name('verify', tenants), postgres(url, 'verify', tenants), verify)
    ]),
    comparisons: ['generate', 'verify'].flatMap((job) => [
      { of: name(job, 100), to: name(job, 1) },
      { of: name(job, 10_000), to: name(job, 1), atLeast: 0.95 }
    ])
  }
}

/** The same group with nothing but the comparisons that have a goal, and what they need. */
export function goalsOnly (group: Group): Group {
  const comparisons = group.comparisons.filter(({ atLeast }) => atLeast !== undefined)
  const needed = new Set(comparisons.flatMap(({ of, to }) => [of, to]))
  return { ...group, comparisons, entries: group.entries.filter(({ name }) => needed.has(name)) }
}

function verifyGroup (title: string, token: Partial<BenchRequest>, betterAuthToken: Partial<BenchRequest>, comparisons: Comparison[]): Group {
  const request = { ...verify, ...token }
  return {
    title,
    entries: [
      entry('plugin', plugin, request),
      entry('inlined by hand', inline, request),
      entry('no check', unchecked, { ...request, status: 200 }),
      entry('@fastify/bearer-auth', bearerAuth, request),
      entry('better-auth', { ...betterAuth, setup: { job: 'verify' } }, { ...betterAuthVerify, ...betterAuthToken })
    ],
    comparisons
  }
}

function entry (name: string, contestant: Contestant, request: BenchRequest): Entry {
  return { name, contestant, request, connections: 32 }
}

function postgres (url: string, job: 'generate' | 'verify', tenants: number, named = false): Contestant {
  return { module: './contestants/postgres.js', setup: { url, job, tenants, named } }
}
