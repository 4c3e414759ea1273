import { once } from 'node:events'
import { request, type OutgoingHttpHeaders } from 'node:http'
import { text } from 'node:stream/consumers'
import { setTimeout } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import pg from 'pg'
import type { Test } from 'tap'
import { buildHost } from '../../examples/unleash/app.ts'
import { readConfig, type Config } from '../../examples/unleash/config.ts'
import { firstAdmin, startUnleash, type UnleashProcess } from '../../examples/unleash/unleash-process.ts'
import { freePort } from '../helpers/free-port.ts'
import { captureLog, type Log } from '../helpers/log.ts'
import { startPostgres } from '../helpers/postgres.ts'

export interface Sent {
  method?: string
  headers?: OutgoingHttpHeaders
  body?: object | string
  /** The address of 127.0.0.0/8 that the client has. */
  from?: string
}

export interface Received {
  status: number
  headers: NodeJS.Dict<string | string[]>
  text: string
  /** The body, if it is JSON. */
  json: any
}

/** A host in front of a real Unleash, each on a database of its own. */
export interface RunningUnleash {
  app: FastifyInstance
  /** The address of the host. */
  url: string
  unleash: UnleashProcess
  config: Config
  db: pg.Pool
  log: Log
  send: (path: string, sent?: Sent) => Promise<Received>
  /** Logs a user in, and waits until the session is stored. Returns the cookie. */
  logIn: (username: string, password?: string) => Promise<string>
}

/** The password of {@link setPassword}. */
export const password = 'correct horse 1!'
// With a low cost, as the tests log in hundreds of times.
const passwordHash = '$2b$04$hKhukMu9ebg6FOZS0OPhLOEBGh.RK/WztKCggUTsUGj5eF3DLR7dG'

/** Starts PostgreSQL, Unleash and the host for one test file. */
export async function startAll (t: Test, env: NodeJS.ProcessEnv = {}): Promise<RunningUnleash> {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  const db = new pg.Pool({ connectionString: postgres.url })
  db.on('error', () => {})
  t.teardown(() => db.end())

  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const unleash = await startUnleash({ databaseUrl: postgres.url, port: await freePort(), publicUrl: url })
  t.teardown(() => unleash.stop())

  const config = readConfig({ ...env, UNLEASH_URL: unleash.url, DATABASE_URL: postgres.url, PORT: String(port) })
  const { log, logger } = captureLog(t)
  const app = await buildHost(config, logger)
  t.teardown(() => app.close())
  await app.listen({ host: '127.0.0.1', port })

  const send = (path: string, sent?: Sent) => sendTo(url, path, sent)
  return { app, url, unleash, config, db, log, send, logIn: (...credentials) => logIn(url, ...credentials) }
}

export async function sendTo (url: string, path: string, { method = 'GET', headers = {}, body, from = '127.0.0.1' }: Sent = {}): Promise<Received> {
  const { hostname, port } = new URL(url)
  // The path is sent as it is, which fetch does not.
  const outgoing = request({ hostname, port, path, method, localAddress: from, agent: false, headers: { ...(typeof body === 'object' && { 'content-type': 'application/json' }), ...headers } })
  outgoing.end(typeof body === 'object' ? JSON.stringify(body) : body)
  const [response] = await once(outgoing, 'response')
  const received = await text(response)
  return { status: response.statusCode, headers: response.headers, text: received, json: parse(received) }
}

let clients = 0

/** Returns an address of its own for each client, as Unleash limits the logins of an address. */
export function newAddress (): string {
  clients++
  return `127.1.${clients >> 8}.${clients & 255}`
}

/** Sends a login, and returns the cookie; `undefined` if it is rejected. */
export async function tryLogIn (url: string, username: string, secret = password): Promise<string | undefined> {
  const { status, headers } = await sendTo(url, '/auth/simple/login', { method: 'POST', body: { username, password: secret }, from: newAddress() })
  return status === 200 ? [headers['set-cookie'] ?? []].flat().map((cookie) => cookie.split(';', 1)[0]).join('; ') : undefined
}

async function logIn (url: string, username: string, secret?: string): Promise<string> {
  const cookie = await tryLogIn(url, username, secret ?? (username === firstAdmin.username ? firstAdmin.password : password))
  if (cookie === undefined) throw new Error(`${username} cannot log in`)
  // Unleash sends the cookie before it has stored the session.
  await until(async () => (await sendTo(url, '/api/admin/user', { headers: { cookie } })).status === 200)
  return cookie
}

/** Sets a user's password to {@link password}. */
export async function setPassword (db: pg.Pool, login: string): Promise<void> {
  await db.query('update users set password_hash = $2 where $1 in (email, username)', [login, passwordHash])
}

/** Waits until a condition holds. Throws after thirty seconds. */
export async function until (condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error('the condition did not hold within thirty seconds')
    await setTimeout(20)
  }
}

function parse (json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
