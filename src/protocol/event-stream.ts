/** Characters of one event; a longer one is no event of ours. */
const longest = 4 * 1024 * 1024;

/** Takes server-sent events apart (WHATWG HTML, section 9.2.6), as far as we use them: one event's data each. */
export class EventStream {
  #rest = "";
  #data: string[] = [];

  /** The data of every event that is complete now. */
  push(text: string): readonly string[] {
    const complete: string[] = [];
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    if (this.#rest.length + this.#data.reduce((sum, line) => sum + line.length, 0) > longest)
      throw new RangeError(`an event is longer than ${longest} characters`);
    for (const line of lines) {
      if (line.startsWith("data:")) this.#data.push(line.slice(line[5] === " " ? 6 : 5));
      if (line !== "" || this.#data.length === 0) continue;
      complete.push(this.#data.join("\n"));
      this.#data = [];
    }
    return complete;
  }
}
