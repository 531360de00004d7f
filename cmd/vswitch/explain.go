package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"vswitch/internal/api"
	"vswitch/internal/frame"
)

// explanation is what `vswitch explain` tells about one code or drop reason.
type explanation struct {
	Schema string   `json:"schema"`
	Code   string   `json:"code"`
	Title  string   `json:"title"`
	Text   string   `json:"text,omitempty"`
	Fix    string   `json:"fix,omitempty"`
	Exit   api.Exit `json:"exit,omitempty"`

	// Korean has the title and the fix in Korean, for reasons.
	Korean *inKorean `json:"ko,omitempty"`

	text string
}

type inKorean struct {
	Title string `json:"title"`
	Fix   string `json:"fix,omitempty"`
}

// topics is the list of all that can be explained.
type topics struct {
	Schema string        `json:"schema"`
	Topics []explanation `json:"topics"`
}

const (
	explanationSchema = "vswitch/v1/explanation"
	topicsSchema      = "vswitch/v1/explanations"
)

func explainCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "explain [CODE|REASON]",
		Short: "Explain an error code, or a reason why frames were dropped",
		Example: `  vswitch explain VS-ENV-004
  vswitch explain spoofed-mac
  vswitch explain                (lists all)`,
		Args:              arguments(0, "a code or reason"),
		ValidArgsFunction: completeTopics,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				list := topics{topicsSchema, append(explainCodes(), explainReasons()...)}
				return a.show(list, list.String)
			}
			e, err := explain(args[0])
			if err != nil {
				return err
			}
			return a.show(e, func() string { return e.text })
		},
	}
}

// explain finds a topic by its name, in capitals or not.
func explain(word string) (explanation, error) {
	var names []string
	for _, e := range append(explainCodes(), explainReasons()...) {
		if strings.EqualFold(e.Code, word) {
			return e, nil
		}
		names = append(names, e.Code)
	}
	err := api.Errorf(api.UnknownName, nil, "no error code and no drop reason is called %q", word)
	near := api.Nearest(strings.ToUpper(word), names)
	if near == "" {
		near = api.Nearest(strings.ToLower(word), names)
	}
	if near == "" {
		return explanation{}, err.WithFix("see all:  vswitch explain")
	}
	return explanation{}, err.WithFix("did you mean:  vswitch explain %s", near)
}

// explainCodes returns one topic an error code.
func explainCodes() []explanation {
	var all []explanation
	for _, c := range api.Codes() {
		e := c.Entry()
		all = append(all, explanation{
			Schema: explanationSchema, Code: string(c), Title: e.Title, Text: e.Text,
			Fix: e.Fix, Exit: e.Exit, text: e.Explain(),
		})
	}
	return all
}

// explainReasons returns one topic a reason for which a frame can end.
func explainReasons() []explanation {
	var all []explanation
	for r := frame.Reason(1); r < frame.Reasons; r++ {
		sentence, remedy := r.Korean()
		all = append(all, explanation{
			Schema: explanationSchema, Code: r.String(), Title: r.Sentence(), Fix: r.Remedy(),
			Korean: &inKorean{sentence, remedy}, text: reasonText(r),
		})
	}
	return all
}

// reasonText is what a person reads about a reason, in English and in Korean.
func reasonText(r frame.Reason) string {
	sentence, remedy := r.Korean()
	text := fmt.Sprintf("%s  %s\n", r, r.Sentence())
	if r.Remedy() != "" {
		text += "\nfix:  " + r.Remedy() + "\n"
	}
	text += "\n" + sentence + "\n"
	if remedy != "" {
		text += "\n해결:  " + remedy + "\n"
	}
	return text
}

// String lists the topics, one a line.
func (t topics) String() string {
	var b strings.Builder
	for _, e := range t.Topics {
		fmt.Fprintf(&b, "%-18s  %s\n", e.Code, e.Title)
	}
	return b.String()
}

// completeTopics offers all topics to the shell.
func completeTopics(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var words []cobra.Completion
	if len(args) == 0 {
		for _, e := range append(explainCodes(), explainReasons()...) {
			words = append(words, cobra.CompletionWithDesc(e.Code, e.Title))
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}
