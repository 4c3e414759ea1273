/** Says what is being measured. */
export type Progress = (text: string) => void

// Where the output is a file, a line now and then shows that the run goes on.
const silenceMilliseconds = 20_000

let lastLine = 0

/** Replaces the last line of a terminal; elsewhere, prints at most a line every 20 seconds. */
export function showProgress (text: string): void {
  if (process.stderr.isTTY) {
    process.stderr.write(`\r\u001b[K${text}`)
  } else if (text !== '' && Date.now() - lastLine > silenceMilliseconds) {
    lastLine = Date.now()
    process.stderr.write(`${text}\n`)
  }
}
