import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { buildHost } from '../../examples/host/app.ts'
import { readConfig } from '../../examples/host/config.ts'
import { captureLog } from './log.ts'
import { listen } from './raw-http.ts'
import { startPostgres } from './postgres.ts'

export interface ExampleHost {
  app: FastifyInstance
  /** Its address, `http://127.0.0.1:<port>`. */
  url: string
}

export const adminToken = '*:*.example-admin'
export const viewerToken = '*:*.example-viewer'

/**
 * Starts the example host, over a PostgreSQL server of its own unless there is a DATABASE_URL.
 *
 * @param env what its users can set
 * @param prepare runs before it listens
 */
export async function startExampleHost (
  t: Test,
  env: NodeJS.ProcessEnv = {},
  prepare?: (app: FastifyInstance) => void
): Promise<ExampleHost> {
  const databaseUrl = env['DATABASE_URL'] ?? await ownDatabase(t)
  const app = await buildHost(readConfig({ RATE_LIMIT: '0', ...env, DATABASE_URL: databaseUrl }), captureLog(t).logger)
  t.teardown(() => app.close())
  prepare?.(app)
  return { app, url: await listen(app) }
}

async function ownDatabase (t: Test): Promise<string> {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  return postgres.url
}

/** Logs the admin in and answers the header `Cookie` that a browser sends from then on. */
export async function logIn (url: string): Promise<string> {
  const response = await fetch(`${url}/auth/simple/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: 'example-admin-password' })
  })
  const [cookie] = response.headers.getSetCookie()
  if (cookie === undefined) throw new Error(`the login answered ${response.status}: ${await response.text()}`)
  return cookie.split(';')[0] ?? ''
}
