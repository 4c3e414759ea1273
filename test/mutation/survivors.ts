/** A surviving mutant. */
export interface Survivor {
  file: string
  /** What is replaced. Line breaks count as blanks. */
  code: string
  mutant: string
  /** Why no test that Stryker runs can observe the change. */
  reason: string
}

const verify = 'lib/scim/verify-scim-token.ts'
const handlerTimeout = 'Only saves reading the signal, which is slow: its reason decides.'
const noHash = 'No token has a hash that is not 64 hexadecimal digits, so another text does not match a token, either.'
const noValidator = 'Fastify accepts a body if there is no validator, or if the validator returns false without errors. The handler validates.'
const example = 'An example in the OpenAPI document; both values are valid.'
const pipelined = "Node.js 24, which runs Stryker, emits 'close' for each pipelined response, too; Node.js 20 does not."
const timer = 'Only lets the process end sooner.'
const notPending = 'The phase is only compared with the two others.'

export const survivors: Survivor[] = [
  { file: 'lib/admin/request-state.ts', code: "'failing'", mutant: '""', reason: notPending },
  { file: 'lib/admin/route-options.ts', code: '() => JSON.stringify', mutant: '() => undefined', reason: 'Without a serializer Fastify calls that of the scope, which is the same.' },
  { file: 'lib/admin/schemas.ts', code: 'true', mutant: 'false', reason: example },
  { file: 'lib/admin/schemas.ts', code: 'true', mutant: 'false', reason: example },
  { file: 'lib/admin/schemas.ts', code: 'true', mutant: 'false', reason: example },
  { file: 'lib/admin/scim-settings.ts', code: '() => () => true', mutant: '() => undefined', reason: noValidator },
  { file: 'lib/admin/scim-settings.ts', code: '() => true', mutant: '() => undefined', reason: noValidator },
  { file: 'lib/admin/scim-settings.ts', code: 'true', mutant: 'false', reason: noValidator },
  { file: 'lib/admin/scim-settings.ts', code: "'error'", mutant: '""', reason: "Fastify's parser treats an empty string as its default, which is 'error'." },
  { file: 'lib/admin/scim-settings.ts', code: "'error'", mutant: '""', reason: "Fastify's parser treats an empty string as its default, which is 'error'." },
  { file: 'lib/admin/send-api-error.ts', code: 'request.routeOptions.handlerTimeout === 0', mutant: 'false', reason: handlerTimeout },
  { file: 'lib/admin/send-api-error.ts', code: "'failing'", mutant: '""', reason: notPending },
  { file: 'lib/admin/write-to-store.ts', code: '{ for (const giveUp of writes) giveUp() }', mutant: '{}', reason: pipelined },
  { file: 'lib/admin/write-to-store.ts', code: 'giveUp()', mutant: ';', reason: pipelined },
  { file: 'lib/admin/write-to-store.ts', code: "'close'", mutant: '""', reason: pipelined },
  { file: 'lib/diagnostics.ts', code: '!rejected.hasSubscribers', mutant: 'false', reason: 'Only saves building a message that no one gets.' },
  { file: 'lib/stores/conformance.ts', code: 'i < 3', mutant: 'i <= 3', reason: 'How many earlier writes have failed does not matter.' },
  { file: 'lib/stores/conformance.ts', code: 'time === times', mutant: 'false', reason: 'Only saves holding back a statement that is not sent.' },
  { file: 'lib/stores/conformance.ts', code: '{ signal: timer.signal }', mutant: '{}', reason: timer },
  { file: 'lib/stores/conformance.ts', code: '{ timer.abort() }', mutant: '{}', reason: timer },
  { file: 'lib/stores/conformance.ts', code: 'timer.abort()', mutant: ';', reason: timer },
  { file: 'lib/stores/fenced-write.ts', code: '() => false', mutant: '() => undefined', reason: 'Only true means that a statement was rolled back.' },
  { file: verify, code: "''", mutant: '"Stryker was here!"', reason: noHash },
  { file: verify, code: 'record === null', mutant: 'false', reason: 'For the type: without a record no hash matches.' },
  { file: verify, code: 'reply.elapsedTime >= 1', mutant: 'true', reason: handlerTimeout },
  { file: verify, code: 'reply.elapsedTime >= 1', mutant: 'reply.elapsedTime > 1', reason: 'A time of exactly 1 ms does not occur.' },
  { file: verify, code: 'request.routeOptions.handlerTimeout > 0', mutant: 'true', reason: handlerTimeout },
  { file: verify, code: 'request.routeOptions.handlerTimeout > 0', mutant: 'request.routeOptions.handlerTimeout >= 0', reason: handlerTimeout },
  { file: verify, code: 'reply.elapsedTime >= 1 && request.routeOptions.handlerTimeout > 0', mutant: 'true', reason: handlerTimeout },
  { file: verify, code: 'reply.elapsedTime >= 1 && request.routeOptions.handlerTimeout > 0', mutant: 'reply.elapsedTime >= 1 || request.routeOptions.handlerTimeout > 0', reason: handlerTimeout },
  { file: 'lib/thrown.ts', code: '{ return undefined }', mutant: '{}', reason: 'A function without a return returns undefined.' },
  { file: 'lib/token.ts', code: "''", mutant: '"Stryker was here!"', reason: 'For the type: the group of a match is a text.' }
]
