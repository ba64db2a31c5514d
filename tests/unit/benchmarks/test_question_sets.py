from __future__ import annotations

from benchmarks.faq import asked_in
from benchmarks.pod import markdown
from benchmarks.question_sets import QuestionSet, in_few_words, without_headings

from llamabot.adapters.splitting import SemanticSplitter
from llamabot.ports.documents import Document, Section

TEXT = """\
List

- Why a linker?
- Why not?

Why a linker?

It joins objects, and asks: Why not?

Details

It joins archives too.

Why not?

It is slow.

End

Bye.
"""


def _faq(text: str) -> Document:
    def at(title: str) -> int:
        return text.index(f"\n{title}\n") + 1

    sections = (
        Section(0, ("List",)),
        Section(at("Why a linker?"), ("List", "Why a linker?")),
        Section(at("Details"), ("List", "Why a linker?", "Details")),
        Section(at("Why not?"), ("List", "Why not?")),
        Section(at("End"), ("End",)),
    )
    return Document("faq", text, sections=sections)


def test_the_answer_to_a_heading_is_its_section_with_all_below_it_and_nothing_after() -> None:
    faq = _faq(TEXT)
    linker, why_not = asked_in(faq)
    assert TEXT[linker.start : linker.end].split("\n\n")[-3:] == ["Details", "It joins archives too.", ""]
    assert TEXT[why_not.start : why_not.end].split() == ["Why", "not?", "It", "is", "slow."]
    other = Document("other", TEXT, sections=faq.sections)
    passages = SemanticSplitter(size=60).split(faq)
    answering = [passage.text for passage in passages if linker.is_answered_in(passage)]
    assert answering
    assert all("joins" in text for text in answering)
    assert not any(linker.is_answered_in(passage) for passage in SemanticSplitter(size=60).split(other))


def test_without_headings_no_line_is_a_question_and_the_answers_stand_where_they_are_said_to() -> None:
    faq, around = _faq(TEXT), Document("around", "Why a linker? is a line of its own here\nWhy not?\nBecause.\n")
    some = QuestionSet("x", "x", "x", list(asked_in(faq)), [faq, around])
    bare = without_headings(some)
    (of_faq, of_around) = bare.documents
    assert "Why a linker?" not in of_faq.text
    assert "and asks: Why not?" in of_faq.text
    assert of_around.text == "Why a linker? is a line of its own here\nBecause.\n"
    answers = [of_faq.text[asked.start : asked.end].split() for asked in bare.questions]
    assert [asked.text for asked in bare.questions] == ["Why a linker?", "Why not?"]
    assert answers[0][:3] == ["It", "joins", "objects,"]
    assert answers[0][-4:] == ["It", "joins", "archives", "too."]
    assert answers[1] == ["It", "is", "slow."]


def test_few_words_are_the_first_that_carry_meaning() -> None:
    assert in_few_words("Why don’t my signal handlers work at night?") == "signal handlers work"
    assert in_few_words("What is it?") == "What is it?"


def test_a_page_of_perl_becomes_markdown_with_its_headings_and_words() -> None:
    pod = """\
=encoding utf8

=head1 Why is C<< $a->{b} >> B<< not I<the> C<< x >> >>?

See L<perlop/"Floating-point"> and L<the list|http://x.example/>, S<not E<lt>here>E<gt>.
X<index>

  my $x = C<$y>;

=over 4

=item *

One

=item second

=back

=begin html

<b>no</b>

=end html

=head2 More

=cut
"""
    assert markdown(pod).split("\n\n") == [
        "# Why is $a->{b} not the x?",
        "See Floating-point in perlop and the list, not <here>.",
        "  my $x = C<$y>;",
        "One",
        "- second",
        "## More\n",
    ]
