import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'
import { buildHost } from '../../examples/host/app.ts'
import { readConfig } from '../../examples/host/config.ts'
import { captureLog } from './log.ts'
import { listen } from './raw-http.ts'
import { startPostgres } from './postgres.ts'

export interface ExampleHost {
  app: FastifyInstance
  /** `http://127.0.0.1:<port>` */
  url: string
}

export const adminToken = '*:*.example-admin'
export const viewerToken = '*:*.example-viewer'

/**
 * Starts the example host in this process, on a new PostgreSQL server unless `env` has a `DATABASE_URL`.
 *
 * @param env the environment variables that its users can set
 * @param prepare runs before the host listens
 */
export async function startExampleHost (
  t: Test,
  env: NodeJS.ProcessEnv = {},
  prepare?: (app: FastifyInstance) => void
): Promise<ExampleHost> {
  const databaseUrl = env['DATABASE_URL'] ?? await startDatabase(t)
  const app = await buildHost(readConfig({ RATE_LIMIT: '0', ...env, DATABASE_URL: databaseUrl }), captureLog(t).logger)
  t.teardown(() => app.close())
  prepare?.(app)
  return { app, url: await listen(app) }
}

async function startDatabase (t: Test): Promise<string> {
  const postgres = await startPostgres()
  t.teardown(() => postgres.stop())
  return postgres.url
}

/** Logs the admin in and returns the `Cookie` header that a browser sends from then on. */
export async function logIn (url: string): Promise<string> {
  const response = await fetch(`${url}/auth/simple/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username: 'admin', password: 'example-admin-password' })
  })
  const [cookie] = response.headers.getSetCookie()
  if (cookie === undefined) throw new Error(`the login responded with ${response.status}: ${await response.text()}`)
  return cookie.split(';')[0] ?? ''
}
