import { execFile, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** One kind of request, sent over and over. */
export interface Load {
  url: string
  method: 'GET' | 'POST'
  authorization: string
  connections: number
  seconds: number
}

/** What a load came to. */
export interface Answered {
  requests: number
  perSecond: number
  /** Answers with a status outside of 2xx and 3xx. */
  refused: number
  /** Requests that got no answer. */
  failed: number
}

const run = promisify(execFile)
const hasWrk = spawnSync('wrk', ['--version']).error === undefined

/** The name of the load generator. */
export const generator = hasWrk ? 'wrk' : 'autocannon'

/** Sends requests on keep-alive connections, each as soon as the one before is answered. */
export const sendLoad: (load: Load) => Promise<Answered> = hasWrk ? wrk : autocannon

async function wrk ({ url, method, authorization, connections, seconds }: Load): Promise<Answered> {
  const { stdout } = await run('wrk', [
    '-t', '1', '-c', String(connections), '-d', String(seconds), '-s', beside(`${method.toLowerCase()}.lua`), '-H', `Authorization: ${authorization}`, url
  ])
  const errors = /Socket errors: (.*)/.exec(stdout)?.[1]?.match(/\d+/g) ?? []
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1]),
    perSecond: Number(/Requests\/sec: +([\d.]+)/.exec(stdout)?.[1]),
    refused: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0),
    failed: errors.reduce((sum, count) => sum + Number(count), 0)
  }
}

async function autocannon ({ url, method, authorization, connections, seconds }: Load): Promise<Answered> {
  const { stdout } = await run(process.execPath, [
    beside('peers/node_modules/autocannon/autocannon.js'),
    '--json', '-m', method, '-c', String(connections), '-d', String(seconds), '-H', `Authorization=${authorization}`, url
  ], { maxBuffer: 2 ** 24 })
  const { requests, duration, non2xx, errors } = JSON.parse(stdout)
  return { requests: requests.total, perSecond: requests.total / duration, refused: non2xx, failed: errors }
}

function beside (file: string): string {
  return fileURLToPath(new URL(file, import.meta.url))
}
