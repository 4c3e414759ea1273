import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openDatabase } from '../../examples/host/database.ts'
import { migrate } from '../../examples/host/migration.ts'
import type { Queryable } from '../../examples/scim/postgres-pool.ts'
import { adminToken, startExampleHost, type ExampleHost } from './example-host.ts'
import { generatePath } from './host.ts'
import { startPostgres } from './postgres.ts'

export const userSchema = 'urn:ietf:params:scim:schemas:core:2.0:User'
export const groupSchema = 'urn:ietf:params:scim:schemas:core:2.0:Group'
export const enterprise = 'urn:ietf:params:scim:schemas:extension:enterprise:2.0:User'

/** The databases that the example host runs on. */
export const databases = ['embedded', 'PostgreSQL'] as const

/** A PATCH operation, as providers write it. */
export interface Operation { op: string, path?: string | null, value?: unknown }

export interface ScimResponse {
  status: number
  type: string | null
  location: string | null
  body: any
}

/** An identity provider with its token, and the example host that it calls over a socket. */
export interface Provider extends ExampleHost {
  authorization: string
  send: (method: string, resource: string, body?: object | string, contentType?: string) => Promise<ScimResponse>
  /** Lists the resources at a path, with these query parameters. */
  list: (collection: string, parameters?: Record<string, string>) => Promise<ScimResponse>
  /** Creates a resource and returns it. */
  create: (collection: '/Users' | '/Groups', attributes: object) => Promise<any>
  /** Sends a PATCH, which must be accepted, and returns the resource as it is read afterwards. */
  patch: (resource: { meta: { location: string } }, ...operations: Operation[]) => Promise<any>
  /** Sends a PATCH, which must be rejected and change nothing, and returns the response. */
  rejectedPatch: (resource: { meta: { location: string } }, ...operations: Operation[]) => Promise<ScimResponse>
}

/**
 * Starts the example host on a database of its own, with a provider that sends its token.
 *
 * @param prepare fills the tables before the host starts
 */
export async function startProvider (
  t: Test,
  database: typeof databases[number],
  prepare?: (db: Queryable) => Promise<unknown>
): Promise<Provider> {
  const dataDir = await temporaryFolder(t)
  const url = database === 'embedded' ? undefined : await ownPostgres(t)
  if (prepare !== undefined) {
    const db = await openDatabase({ url, dataDir })
    await migrate(db, { scimSettings: true })
    await prepare(db)
    await db.close()
  }
  return await connectProvider(await startExampleHost(t, { DATABASE_URL: url ?? '', DATA_DIR: dataDir }))
}

async function ownPostgres (t: Test): Promise<string> {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  return postgres.url
}

/** Generates a token on a host and returns a provider that sends it. */
export async function connectProvider (host: ExampleHost): Promise<Provider> {
  const generated = await fetch(host.url + generatePath, { method: 'POST', headers: { authorization: adminToken } })
  return createProvider(host, `Bearer ${Object(await generated.json()).token}`)
}

/** Creates a provider that sends a token which exists already. */
export function createProvider (host: ExampleHost, authorization: string): Provider {
  async function send (method: string, resource: string, body?: object | string, contentType = 'application/scim+json'): Promise<ScimResponse> {
    const response = await fetch(`${host.url}/scim${resource}`, {
      method,
      headers: { authorization, 'content-type': contentType },
      body: typeof body === 'object' ? JSON.stringify(body) : body ?? null
    })
    const text = await response.text()
    return {
      status: response.status,
      type: response.headers.get('content-type'),
      location: response.headers.get('location'),
      body: text === '' ? undefined : JSON.parse(text)
    }
  }

  async function read (location: string): Promise<any> {
    return (await send('GET', location.replace('/scim', ''))).body
  }

  async function sendPatch (location: string, operations: Operation[]): Promise<ScimResponse> {
    return await send('PATCH', location.replace('/scim', ''), patchOp(...operations))
  }

  return {
    ...host,
    authorization,
    send,
    list: (collection, parameters = {}) => send('GET', `${collection}?${new URLSearchParams(parameters)}`),
    async create (collection, attributes) {
      const { status, body } = await send('POST', collection, { schemas: [collection === '/Users' ? userSchema : groupSchema], ...attributes })
      assert.equal(status, 201, JSON.stringify(body))
      return body
    },
    async patch ({ meta: { location } }, ...operations) {
      const { status, body } = await sendPatch(location, operations)
      assert.ok(status === 200 || status === 204, JSON.stringify(body))
      const resource = await read(location)
      if (status === 200) assert.deepEqual(body, resource, 'the response is what is stored')
      return resource
    },
    async rejectedPatch ({ meta: { location } }, ...operations) {
      const before = await read(location)
      const response = await sendPatch(location, operations)
      assert.equal(response.status, 400)
      assert.deepEqual(await read(location), before, 'a rejected PATCH changes nothing')
      return response
    }
  }
}

/** The body of a PATCH request (RFC 7644, section 3.5.2). */
export function patchOp (...Operations: Operation[]): object {
  return { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations }
}

/** The body of an error of RFC 7644, section 3.12. */
export function errorOf (status: number, scimType?: string) {
  return { schemas: ['urn:ietf:params:scim:api:messages:2.0:Error'], status: String(status), detail: String, ...(scimType !== undefined && { scimType }) }
}

/** Creates a folder that is removed after the teardowns that are added later; a `testdir` is removed before all of them, while the host still uses it. */
export async function temporaryFolder (t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'scim-token-host-'))
  t.teardown(() => rm(folder, { recursive: true }))
  return folder
}
