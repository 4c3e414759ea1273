import { Pool } from 'pg'
import type { Test } from 'tap'
import type { ScimSettingsStore } from '../../lib/index.ts'
import type { Queryable } from '../../lib/stores/postgres.ts'
import { admin, generatePath, startHost } from './host.ts'
import { startPostgres } from './postgres.ts'
import { listen } from './raw-http.ts'
import { addScimRoutes, scimPath } from './scim-host.ts'

const count = 50

/** A store whose row others write, too. */
export interface SharedStore {
  open: (db: Queryable) => ScimSettingsStore
  /** SQL that recreates the row without a switch and a token. */
  reset: string
  /** SQL of another writer of the same row, which increments a counter. */
  increment: string
  /** SQL that reads the values of other writers. */
  readOthers: string
}

const rounds: { name: string, before: boolean, wanted: boolean[] }[] = [
  { name: 'all disabling', before: true, wanted: [false] },
  { name: 'all enabling', before: false, wanted: [true] },
  { name: 'some enabling, some disabling', before: true, wanted: [true, false] }
]

/** Changes settings and generates tokens at once, on two nodes, beside other writers of the row. */
export async function loseNothing (t: Test, { open, reset, increment, readOthers }: SharedStore): Promise<void> {
  const postgres = await startPostgres()
  const db = openPool(postgres.url)
  const nodes = [await startNode(t, open, postgres.url), await startNode(t, open, postgres.url)] as const
  t.teardown(async () => {
    await db.end()
    await postgres.stop()
  })

  for (const { name, before, wanted } of rounds) {
    await db.query(reset)
    await nodes[0].set(before)

    const changes = Array.from({ length: count }, async (_, i) => {
      const set = nodes[i % 2 ? 1 : 0].set(wanted[i % wanted.length] === true)
      const token = await nodes[i % 2 ? 0 : 1].generate()
      await set
      return token
    })
    const [tokens, visits] = await whileWriting(Promise.all(changes), () => db.query(increment))

    const [here, there] = [await nodes[0].read(), await nodes[1].read()]
    t.same(here, there, `${name}: both nodes return the same`)
    t.ok(wanted.includes(here.enabled) && here.hasToken, 'the switch has one of the values written')
    t.same((await db.query(readOthers)).rows, [{ theirs: 'kept', visits }], 'the values of other writers are kept')

    await nodes[0].set(true)
    const accepted = await Promise.all(tokens.map((token) => nodes[1].accepts(token)))
    t.equal(accepted.filter(Boolean).length, 1, 'one token is valid')
  }
}

/** Writes repeatedly until the changes are done. Returns their result and the number of writes. */
async function whileWriting<T> (changes: Promise<T>, write: () => Promise<unknown>): Promise<[T, number]> {
  const end = new AbortController()
  let written = 0
  const writer = async () => {
    while (!end.signal.aborted) {
      await write()
      written++
    }
  }
  const [result] = await Promise.all([changes.finally(() => { end.abort() }), writer(), writer(), writer(), writer()])
  return [result, written]
}

function openPool (connectionString: string): Pool {
  const pool = new Pool({ connectionString })
  // The server may stop before the pool has closed its connections.
  pool.on('error', () => {})
  return pool
}

/** Starts a host on a free port with its own connection pool. */
async function startNode (t: Test, open: SharedStore['open'], url: string) {
  const pool = openPool(url)
  t.teardown(() => pool.end())
  const { app } = await startHost(t, { store: open(pool), options: { settingsRoutes: true }, routes: addScimRoutes })
  const origin = await listen(app)

  const call = async (path: string, init?: RequestInit): Promise<Response> => {
    const response = await fetch(origin + path, { headers: { ...admin, 'content-type': 'application/json' }, ...init })
    if (!response.ok) throw new Error(`${path} responded with ${response.status}: ${await response.text()}`)
    return response
  }
  return {
    async set (enabled: boolean): Promise<void> {
      await call('/api/admin/scim-settings', { method: 'POST', body: JSON.stringify({ enabled }) })
    },
    async read (): Promise<{ enabled: boolean, hasToken: boolean }> {
      return JSON.parse(await (await call('/api/admin/scim-settings')).text())
    },
    async generate (): Promise<string> {
      return JSON.parse(await (await call(generatePath, { method: 'POST' })).text()).token
    },
    async accepts (token: string): Promise<boolean> {
      const { status } = await fetch(origin + scimPath, { headers: { authorization: `Bearer ${token}` } })
      if (status !== 200 && status !== 401) throw new Error(`a SCIM request got ${status}`)
      return status === 200
    }
  }
}
