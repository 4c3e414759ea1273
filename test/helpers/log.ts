import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import type { Test } from 'tap'

/** What a host wrote to its log, a parsed line each. */
export type Log = LogLine[]

export interface LogLine {
  level: number
  msg?: string
  errorId?: string
  err?: { message: string, stack: string }
  [key: string]: unknown
}

/** What must be in no log: anything that looks like a token or a hash. */
export const secrets = /scim_[0-9A-Za-z]{20}|[0-9a-f]{64}/

/** A logger at its most talkative, with a check at the end that no secret is in what it got. */
export function captureLog (t: Test): { log: Log, logger: { level: string, stream: Writable } } {
  const log: Log = []
  // A finished test takes no assertion of its own any more, and fails when its teardown throws.
  t.teardown(() => { assert.doesNotMatch(JSON.stringify(log), secrets, 'a token or a hash is in the log') })
  const stream = new Writable({
    write (chunk, _encoding, done) {
      log.push(JSON.parse(String(chunk)))
      done()
    }
  })
  return { log, logger: { level: 'trace', stream } }
}
