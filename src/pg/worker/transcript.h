/*
 * transcript.h
 *	  Dialogues with mail servers in the server log: email_verify.log_transcripts.
 */
#ifndef EV_TRANSCRIPT_H
#define EV_TRANSCRIPT_H

#include "net/prober.h"

/*
 * A line of a transcript, as the prober tells it; with its last line the transcript is logged, as one
 * message.  A limited number of them is, each of limited length.
 */
extern void ev_transcript_line(const struct ev_trace *trace);

#endif
