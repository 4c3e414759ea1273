import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** One kind of request, sent over and over. */
export interface Load {
  url: string
  method: 'GET' | 'POST'
  authorization: string
  /** The status that every response must have. */
  status: 200 | 401
  milliseconds: number
}

const run = promisify(execFile)
const autocannon = fileURLToPath(new URL('peers/node_modules/autocannon/autocannon.js', import.meta.url))

/**
 * Sends requests on 32 keep-alive connections, each as soon as the response to the one before is there.
 *
 * @throws Error if a response is missing or has another status
 */
export async function sendLoad ({ url, method, authorization, status, milliseconds }: Load) {
  const { stdout } = await run(process.execPath, [
    autocannon, '--json', '-m', method, '-c', '32', '-d', String(milliseconds / 1000), '-H', `Authorization=${authorization}`, url
  ], { maxBuffer: 2 ** 24 })
  const { requests, duration, statusCodeStats, errors } = JSON.parse(stdout)
  if (errors > 0 || requests.total === 0 || statusCodeStats[status]?.count !== requests.total) {
    throw new Error(`${method} ${url} did not get ${status} throughout: ${JSON.stringify({ errors, statusCodeStats })}`)
  }
  return { requests: requests.total as number, elapsedMilliseconds: duration as number * 1000 }
}
