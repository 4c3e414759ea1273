/** Must not reach a client. */
export const internals = 'connect to db.internal as scim_owner'

/** How a host-supplied method may fail, and the error message that must be logged. */
export const failures: { how: string, call: () => any, logged: string | RegExp }[] = [
  { how: 'throws an Error', call: throws(new Error(internals)), logged: internals },
  { how: 'throws an Error with a status, headers and details', call: throws(errorWithStatus()), logged: internals },
  { how: 'throws a string', call: throws(internals), logged: internals },
  { how: 'throws an object', call: throws({ code: 'ECONNREFUSED', message: internals }), logged: internals },
  { how: 'throws undefined', call: throws(undefined), logged: /: undefined$/ },
  { how: 'throws null', call: throws(null), logged: /: null$/ },
  { how: 'rejects with an Error', call: async () => { throw new Error(internals) }, logged: internals },
  { how: 'rejects with an Error with a status, headers and details', call: async () => { throw errorWithStatus() }, logged: internals },
  { how: 'rejects with undefined', call: async () => throws(undefined)(), logged: /: undefined$/ }
]

function throws (thrown: unknown) {
  return () => { throw thrown }
}

function errorWithStatus () {
  return Object.assign(new Error(internals), { statusCode: 404, headers: { 'x-internals': internals }, details: [{ message: internals }] })
}
